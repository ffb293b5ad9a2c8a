#pragma once

/* The end of workers: reaps those that have exited, and kills those that exceed their deadline.
 *
 * Workers are children of the template that forked them; once the template has exited, of the
 * server, which is their subreaper. Both processes call this, each for its own children.
 */

#include "options/options.h"
#include "worker/exit_info.h"
#include "worker/scoreboard.h"

#include <stdbool.h>

struct workers {
    const struct options *options;
    struct scoreboard *board;
};

struct worker_exit {
    bool is_worker;
    enum slot_state state; /* of a worker: when it exited */
    struct exit_info info;
};

/* Returns a child that has exited and was not reaped yet, or 0. */
pid_t workers_find_exited(void);

/* Reaps a child that has exited. For a worker, this also sends SIGTERM to the rest of its process
 * group (the caller keeps track of that, see leftovers.h), logs an abnormal exit, writes the access
 * record that the worker could not write, and frees its slot. */
void workers_reap(struct workers *workers, pid_t pid, struct worker_exit *ret);

/* Takes the steps of escalation.h that are due: against workers that exceed --import-timeout; and
 * against those that still run a grace period after --request-timeout and --linger-timeout, without
 * a dump, because their own timer has printed the tracebacks. Returns when to call this again, at
 * the latest. */
usec_t workers_enforce_deadlines(struct workers *workers);

/* Kills all workers. Logs `why` for each one that has a request: once, so this can be called until
 * none is left. */
void workers_kill_all(struct workers *workers, const char *why);

/* Kills all workers that are not ready to accept, except those of one template (0: of none). */
void workers_kill_starting(struct workers *workers, unsigned except_template);

/* Frees the slots that a template, which has exited, took for workers that it did not fork. */
void workers_release_unforked(struct workers *workers, unsigned template_number);
