#pragma once

/* A spare: a worker that was forked ahead and waits for its connection. */

#include "systemd/activation.h"
#include "worker/scoreboard.h"
#include "worker/worker.h"

struct spare {
    struct worker worker;
    struct slot *slot;
    const struct activation *activation;
    size_t first_listener; /* see activation_accept */
    struct scoreboard *board;
    int stop;      /* the reading end of a pipe: once it has ended, nothing is accepted any more */
    int wake;      /* an eventfd: the template is to look at the scoreboard */
    int queue;     /* where its connection comes from, see waiting_room.h; -1: from the listeners */
    bool announce; /* wake the template as soon as this spare can accept */
};

/* Becomes a spare, in a process that was just forked for it: prepares all that can be prepared,
 * waits, serves one connection, and ends the process. With --import=worker the app is loaded first.
 */
_Noreturn void spare_run(struct spare *spare);
