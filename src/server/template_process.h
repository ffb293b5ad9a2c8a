#pragma once

/* The template: a process that has imported the app, and of which every worker is a copy.
 *
 * An interpreter cannot forget what it has imported. So the server itself imports nothing, and each
 * reload is a new template; the old one leaves once the new one is ready. A template runs no code
 * of the app but its import, the warm-up and the hooks of os.register_at_fork.
 *
 * It talks to the server through a socket. The server closes its end to make it leave, and sends
 * any byte to have it look at the scoreboard; the template sends one of the letters below. Its exit
 * status is 0 when it left as told, or because nobody has asked for anything (--idle-timeout), else
 * why the app cannot be loaded.
 */

#include "options/options.h"
#include "server/sources.h"
#include "systemd/activation.h"
#include "worker/scoreboard.h"

#include <signal.h>

enum template_letter {
    TEMPLATE_READY = 'r',  /* its first worker can accept */
    TEMPLATE_WAITS = 'w',  /* the app is imported; it waits for a slot for its first worker */
    TEMPLATE_COUNTS = 's', /* the scoreboard is worth another look */
    /* A worker has left processes in its process group, whose number follows (a pid_t): the server
     * kills them after a while, because it outlives the template. */
    TEMPLATE_LEFTOVERS = 'g',
};

struct template_config {
    const struct options *options;
    const struct activation *activation;
    struct scoreboard *board;
    const sigset_t *signals; /* the mask of the process when it was started: the app's */
    unsigned generation;     /* a number of its own, not 0 */
    int failure; /* not 0: import nothing, answer 500 to who waits now, then exit with this;
                  * with --reload go on with that */
    int control; /* the template's end of the socket */
    int queue;   /* with --reload, where spares get connections, see waiting_room.h; or -1 */
    struct sources sources; /* with --reload, where to note what the import reads */
    usec_t watchdog;        /* show to be alive that often, in microseconds; 0: need not */
};

/* Becomes the template, in a process that was just forked for it. */
_Noreturn void template_process_main(const struct template_config *template);
