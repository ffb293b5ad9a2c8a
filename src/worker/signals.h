#pragma once

/* The signals that an admin or systemd sends to all processes of a unit.
 *
 * One process acts on them, the server; the others ignore them, so that no request is lost. SIGHUP,
 * SIGUSR1 and SIGUSR2, which many daemons use for a reload, kill a process by default. So do
 * SIGTERM and SIGINT (a stop), although the server lets running requests finish. Without a server,
 * a worker ignores only the first three.
 */

#include <signal.h>
#include <stdbool.h>

struct signal_policy {
    bool ignores_stop; /* ignore SIGTERM and SIGINT as well */
    sigset_t mask;     /* the signal mask for the app: that with which the program was started */
};

/* Blocks the signals in addition to the mask, until signals_ignore is called. That must be after
 * the start of the interpreter, which must not see handlers that it did not install. */
void signals_block(const struct signal_policy *policy);

/* Makes this process ignore the signals from now on, except those for which the app has a handler,
 * and sets the mask for the app. Processes that it forks or executes do not ignore them. */
void signals_ignore(const struct signal_policy *policy);
