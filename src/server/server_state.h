#pragma once

/* The state of the server. Internal to server.c, templates.c, shutdown.c and status.c. */

#include "options/options.h"
#include "server/leftovers.h"
#include "server/reloader.h"
#include "server/template.h"
#include "server/workers.h"
#include "systemd/activation.h"

#include <signal.h>
#include <stdbool.h>

struct server {
    const struct options *options;
    const struct activation *activation;
    struct scoreboard board;
    struct workers workers;
    struct leftovers leftovers;
    struct reloader *reloader;    /* NULL without --reload */
    const sigset_t *initial_mask; /* the signal mask that this process was started with */
    int signals;                  /* a signalfd */

    /* templates.c */
    struct template current;
    struct template next; /* on trial: replaces the current one when it is ready */
    struct old_templates old_templates;
    unsigned last_number;  /* of the templates so far */
    bool reload_pending;   /* as soon as no import is in progress */
    unsigned switching_to; /* the new current template, while spares of old ones remain; else 0 */

    /* shutdown.c */
    bool is_exiting;
    int exit_status;
    bool is_idle_exit;   /* with --reload: clients that come now are left to the next server */
    bool is_stopped;     /* by a signal */
    bool is_forced;      /* by a second one */
    bool is_interrupted; /* by Ctrl-C: the terminal belongs to this process */
    usec_t stop_deadline;

    /* status.c */
    usec_t extend_at;
    usec_t watchdog; /* the interval; 0: systemd wants no notifications */
    usec_t watchdog_at;
};

/* After a child, or a worker of a template, was reaped: gives the processes that it left running
 * --leftover-timeout to exit. */
static inline void server_track_leftovers(struct server *server, pid_t group)
{
    usec_t timeout = server->options->timeouts.leftover;

    if (leftovers_exist(group))
        leftovers_add(&server->leftovers, group, server->is_forced ? 0 : deadline_after(timeout));
}
