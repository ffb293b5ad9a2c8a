#pragma once

/* A request that no client has sent: the app does before the fork what it would otherwise do at its
 * first request. */

#include "worker/worker.h"

/* Requests the target of --warm-up. Logs a response that is not a success; nothing else fails then.
 */
void warm_up(const struct worker *worker);
