#pragma once

/* The escalation against a process that misses its deadline:
 *
 *   at the deadline    the caller sends DUMP_SIGNAL (request_timer.h), then logs the timeout: the
 *                      tracebacks of all threads show where the process hangs
 *   one grace later    SIGKILL
 *
 * The signal comes first because logging may block: the grace period has begun, and that would
 * leave less of it for the tracebacks.
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
    ESCALATION_DUMP, /* send DUMP_SIGNAL, then log the timeout */
    ESCALATION_KILL,
};

struct escalation {
    usec_t deadline; /* DEADLINE_NEVER: there is none (any more) */
    usec_t grace;    /* in microseconds, between the two steps */
    bool dumped;     /* the first step was taken */
};

/* Returns the step that is due, each once, and records that it was taken: the grace period begins
 * now. *next becomes the time of the next step, if that is earlier. */
enum escalation_step escalation_next(struct escalation *escalation, usec_t *next);
