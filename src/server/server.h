#pragma once

/* The server: holds the listeners, and sees to it that workers serve them, until it is stopped or
 * nobody asks any more. What systemd knows as the main process.
 *
 *   server ── template ──┬─ worker (serves one connection)
 *                        ├─ worker
 *                        └─ spare  (waits for one)
 *
 * It runs no Python and reads no request: it starts templates, replaces them on a reload, waits for
 * the last worker at the end, and tells systemd.
 */

#include "options/options.h"
#include "systemd/activation.h"

#include <signal.h>

/* Serves the listeners. Returns the exit status of sysexits(3): 0 when it was stopped, or idle for
 * --idle-timeout; else what kept the app from being loaded, or EX_OSERR, and whoever waited was
 * answered 500.
 *
 * signals: the mask that this process was started with, which is the app's. SIGHUP, SIGUSR1 and
 * SIGUSR2 are blocked already; one that has come means what it means later.
 * failure: the exit status because of which nothing is loaded, and clients are only told; or 0. */
int server_run(const struct options *options, const struct activation *activation,
    const sigset_t *signals, int failure);
