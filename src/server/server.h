#pragma once

/* The server: holds the listeners, and provides workers that serve them, until it is stopped or no
 * request arrives any more. This is systemd's main process of the service.
 *
 *   server ── template ──┬─ worker (serves one connection)
 *                        ├─ worker
 *                        └─ spare  (waits for one)
 *
 * It runs no Python and reads no request. It starts templates, replaces them on a reload, waits for
 * the last worker before it exits, and reports its state to systemd.
 */

#include "options/options.h"
#include "systemd/activation.h"

#include <signal.h>

/* Serves the listeners. Returns the exit status, see sysexits(3): 0 when it was stopped, or idle
 * for --idle-timeout; otherwise the reason why the app cannot be loaded, or EX_OSERR. Then clients
 * that were waiting have been answered 500.
 *
 * signals: the signal mask that this process was started with, which is the app's. SIGHUP, SIGUSR1
 * and SIGUSR2 must be blocked already; those that are pending are handled later.
 * failure: if not 0, nothing is imported: clients are answered 500 because of this exit status. */
int server_run(const struct options *options, const struct activation *activation,
    const sigset_t *signals, int failure);
