#pragma once

/* The end of workers: those that have ended are buried, those that overran are ended.
 *
 * Workers are children of the template that forked them; when it has left, of the server (which is
 * their subreaper). Both call this, each for its own children.
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
    enum slot_state state; /* of a worker, when it ended */
    unsigned generation;   /* of a worker */
    struct exit_info ending;
};

/* A child that has ended and was not buried, or 0. */
pid_t workers_find_exited(void);

/* Takes the status of a child that has ended. If it is a worker, tells the others in its process
 * group to end (the caller looks after those, see leftovers.h), logs an end that was none of its
 * own, and frees its slot. */
void workers_reap(struct workers *workers, pid_t pid, struct worker_exit *ret);

/* Ends those that should have ended themselves: after --request-timeout, or --import-timeout.
 * Returns when to call it again, at the latest. */
usec_t workers_enforce_deadlines(struct workers *workers);

/* Kills all workers, and logs why those end that have a request: once, so that it can be called
 * until they are gone. */
void workers_kill_all(struct workers *workers, const char *why);

/* Kills all that are not ready to accept, but those of one generation (0: all). */
void workers_kill_starting(struct workers *workers, unsigned but_generation);

/* Frees the slots that a template, which has left, had taken for workers that it never forked. */
void workers_sweep(struct workers *workers, unsigned generation);
