#pragma once

/* A spare: a worker that was forked in advance, and waits for its connection. */

#include "systemd/activation.h"
#include "worker/scoreboard.h"
#include "worker/worker.h"

struct spare {
    struct worker worker;
    struct slot *slot;
    const struct activation *activation;
    size_t first_listener; /* see activation_accept */
    struct scoreboard *board;
    int stop;      /* the reading end of a pipe: at its end of file, the spare exits */
    int wake;      /* an eventfd: makes the template check the scoreboard */
    int queue;     /* where its connection comes from, see waiting_room.h; -1: from the listeners */
    bool announce; /* wake the template once this spare can accept */
};

/* Runs a spare, in a process that was just forked for it: prepares everything it can, waits for a
 * connection, serves it, and exits. With --import=worker it loads the app first. */
_Noreturn void spare_run(struct spare *spare);
