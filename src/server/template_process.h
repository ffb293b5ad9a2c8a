#pragma once

/* The template: a process that has imported the app. Every worker is forked from it.
 *
 * An interpreter cannot undo an import. So the server itself imports nothing, and each reload
 * starts a new template; the old one exits once the new one is ready. A template runs no code of
 * the app except the import, the warm-up and the hooks of os.register_at_fork.
 *
 * It is connected to the server by a socket. The server closes its end to make the template exit,
 * and sends a byte (any) to make it check the scoreboard. The template sends the messages below. It
 * exits with 0 when it was told to, or when no request has arrived for --idle-timeout; otherwise
 * with the status that says why the app cannot be loaded.
 */

#include "options/options.h"
#include "server/sources.h"
#include "systemd/activation.h"
#include "worker/scoreboard.h"

#include <signal.h>

/* One byte each. */
enum template_message {
    TEMPLATE_READY = 'r',  /* its first worker can accept */
    TEMPLATE_WAITS = 'w',  /* the app is imported, but no slot is free for the first worker yet */
    TEMPLATE_COUNTS = 's', /* the counts of the scoreboard have changed */
    /* A worker has left processes in its process group, whose ID follows (a pid_t). The server
     * kills them later, because it outlives the template. */
    TEMPLATE_LEFTOVERS = 'g',
};

struct template_config {
    const struct options *options;
    const struct activation *activation;
    struct scoreboard *board;
    const sigset_t *signals; /* the signal mask that the server was started with: the app's */
    unsigned number;         /* unique, not 0 */
    int failure; /* if not 0: import nothing, answer 500 to the clients that wait, then exit with
                  * this status; with --reload, keep answering 500 */
    int control; /* the template's end of the socket */
    int queue;   /* with --reload: where spares get connections, see waiting_room.h; else -1 */
    struct sources sources; /* with --reload: where to record the files that the import reads */
    usec_t watchdog;        /* in microseconds: update template_alive this often; 0: not needed */
};

/* Runs the template, in a process that was just forked for it. */
_Noreturn void template_process_main(const struct template_config *config);
