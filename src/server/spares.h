#pragma once

/* The spares of a template: how many there should be, forking them, making them exit. */

#include "base/deadline.h"
#include "systemd/activation.h"
#include "worker/scoreboard.h"
#include "worker/worker.h"

#include <signal.h>
#include <stdbool.h>

struct spares {
    size_t target;      /* --spare */
    size_t max_workers; /* --max-workers: of all templates, spares included */
    struct scoreboard *board;
    unsigned template_number;
    const struct activation *activation;
    struct worker worker; /* what every worker starts with */
    int queue;            /* see template_process.h */
    /* Descriptors of the template that its workers close. */
    int control;
    int children;
    struct sigaction on_child; /* for SIGCHLD, as the app has set it: restored in workers */
    int stop[2];               /* a pipe: spares exit when the writing end is closed */
    int wake;                  /* an eventfd: spares wake the template */
    size_t forked;             /* so far */
    usec_t fork_again;         /* no fork before that time; 0: the last one succeeded */
};

/* Opens the pipe, again after spares_stop. Returns 0 or -errno. */
int spares_open(struct spares *spares);

/* Closes the pipe, so that the spares exit. */
void spares_stop(struct spares *spares);

/* How many workers of this template are in a state from `first` to `last`. */
size_t spares_count(const struct spares *spares, enum slot_state first, enum slot_state last);

enum { SPARES_NO_SLOT = 1 };

/* Forks as many spares as are missing. The first failed fork of a series is logged. The next
 * attempt follows after a pause; *next becomes the end of the pause, if that is earlier.
 *
 * ready: the template is ready; if not, its first spare announces itself, and is forked even when
 * there are --max-workers already.
 *
 * Returns 0; -errno when a fork has failed; SPARES_NO_SLOT when even the first spare got no slot.
 * Does not return in the new processes. */
int spares_fork(struct spares *spares, bool ready, usec_t *next);
