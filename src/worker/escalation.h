#pragma once

/* The escalation against a process that misses its deadline:
 *
 *   at the deadline    the caller logs that, and sends DUMP_SIGNAL: the tracebacks of all threads
 *                      show where the process hangs
 *   one grace later    SIGKILL
 *
 * One rule for the template, for workers and for --check. This module only decides which step is
 * due: the callers log and send the signals.
 */

#include "base/deadline.h"

#include <stdbool.h>

/* For a process that only has to print its tracebacks. */
#define ESCALATION_GRACE USEC_PER_SEC

enum escalation_step {
    ESCALATION_NONE, /* nothing is due yet */
    ESCALATION_DUMP, /* log the timeout, then send DUMP_SIGNAL */
    ESCALATION_KILL,
};

struct escalation {
    usec_t deadline; /* DEADLINE_NEVER: there is none (any more) */
    usec_t grace;    /* in microseconds, between the two steps */
    bool dumped;     /* the first step was taken */
};

/* Returns the step that is due, each once, and records that it was taken: the grace period begins
 * now. *next becomes the time of the following step, if that is earlier. */
enum escalation_step escalation_next(struct escalation *escalation, usec_t *next);
