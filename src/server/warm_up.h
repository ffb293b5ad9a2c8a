#pragma once

/* One request that no client has sent, so that the app does before forking what it puts off until
 * its first request. */

#include "worker/worker.h"

/* Requests what --warm-up names. An answer that is no success is logged, and harms nothing else. */
void warm_up(const struct worker *worker);
