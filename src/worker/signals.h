#pragma once

/* Signals that an admin, or systemd, sends to all processes of a unit.
 *
 * What they ask for, a reload or the end, is the affair of one process. The others go on: a request
 * must not be lost. SIGHUP, SIGUSR1 and SIGUSR2 would end a process; SIGTERM and SIGINT are meant
 * to, but the server lets running requests finish. Only the process itself survives: what it forks
 * or runs ends as usual.
 */

#include <signal.h>
#include <stdbool.h>

struct signal_policy {
    bool ignores_stop; /* survive SIGTERM and SIGINT as well */
    sigset_t mask;     /* the signals that are blocked for the app: what the process began with */
};

/* Blocks the signals, beyond the mask. An interpreter that starts must see no handler that is not
 * its own. */
void signals_block(const struct signal_policy *survival);

/* From now on this process survives the signals, but for those that the app has a handler of; the
 * mask is the app's. */
void signals_ignore(const struct signal_policy *survival);
