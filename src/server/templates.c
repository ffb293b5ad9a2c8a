#include "server/templates.h"

#include "log/log.h"
#include "log/message_ids.h"
#include "server/status.h"
#include "systemd/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- start and exit ------------------------------------------------------------------------- */

/* Closes in a template what belongs to the server: above all its ends of the control sockets, at
 * whose end of file the other templates exit. */
static void close_server_descriptors(void *data)
{
    struct server *server = data;

    template_close(&server->current);
    template_close(&server->next);
    if (server->reloader)
        reloader_done(server->reloader);
    close(server->signals);
}

int templates_start(struct server *server, int failure, struct template *ret)
{
    struct template_config config = {
        .options = server->options,
        .activation = server->activation,
        .board = &server->board,
        .signals = server->initial_mask,
        .number = ++server->last_number,
        .failure = failure,
        .watchdog = server->watchdog / 4,
        .control = -1,
        .queue = -1,
        .sources = SOURCES_NONE,
    };

    int r = template_start(&config, close_server_descriptors, server, ret);
    if (r < 0 && server->reloader && failure == 0)
        reloader_import_not_started(server->reloader);
    return r;
}

struct template *templates_find(struct server *server, pid_t pid)
{
    if (server->current.pid == pid)
        return &server->current;
    if (server->next.pid == pid)
        return &server->next;
    return old_templates_find(&server->old_templates, pid);
}

static void read_leftovers(struct server *server, const struct template *template)
{
    pid_t group;

    /* It was sent together with its message, so it has arrived. */
    if (recv(template->control, &group, sizeof(group), 0) == sizeof(group) && group > 1)
        server_track_leftovers(server, group);
}

void templates_drain_control(struct server *server, const struct template *template)
{
    char message;

    if (template->control < 0)
        return;
    shutdown(template->control, SHUT_RD);
    while (recv(template->control, &message, 1, 0) == 1)
        if (message == TEMPLATE_LEFTOVERS)
            read_leftovers(server, template);
}

void templates_retire(struct server *server, struct template *template)
{
    templates_drain_control(server, template);
    template_retire(template, &server->old_templates);
}

/* ---- reload --------------------------------------------------------------------------------- */

bool templates_are_importing(const struct server *server)
{
    return !server->current.ready || server->next.pid > 0;
}

void templates_reload(struct server *server)
{
    if (server->is_exiting || (server->current.failure != 0 && !server->reloader))
        return;
    server->reload_pending = templates_are_importing(server);
    if (server->reload_pending)
        return;
    notify_reloading();
    notify_status("Reloading %s", server->options->application);
    int r = templates_start(server, 0, &server->next);
    if (r == 0)
        return;
    log_event(LOG_ERR, MESSAGE_ID_RELOAD_FAILED, NULL, 0, "cannot reload: %s", strerror(-r));
    notify_ready();
}

static void switch_to_next_template(struct server *server)
{
    if (server->reloader)
        queue_take_back(&server->current.queue, &server->reloader->room);
    templates_retire(server, &server->current);
    server->current = server->next;
    server->next = TEMPLATE_NONE;
    server->switching_to = server->current.number;
}

void templates_finish_reload(struct server *server)
{
    const struct scoreboard *board = &server->board;
    unsigned number = server->switching_to;

    workers_kill_starting(&server->workers, number);
    if (scoreboard_count(board, SLOT_STARTING, SLOT_SPARE, 0) >
        scoreboard_count(board, SLOT_STARTING, SLOT_SPARE, number))
        return;
    server->switching_to = 0;
    log_event(
        LOG_NOTICE, MESSAGE_ID_RELOADED, NULL, 0, "reloaded %s", server->options->application);
    notify_ready();
    status_update(server);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void template_is_ready(struct server *server, struct template *template)
{
    template->ready = true;
    template->import.deadline = DEADLINE_NEVER;
    if (server->reloader && template->failure == 0)
        reloader_import_ended(server->reloader, template, false);
    if (template == &server->next)
        switch_to_next_template(server);
    else if (template->failure == 0) {
        notify_ready();
        status_log_serving(server);
    } else if (server->reloader)
        notify_ready(); /* clients are served, although with 500 */
    status_update(server);
    if (server->reload_pending)
        templates_reload(server);
}

void templates_read_message(struct server *server, struct template *template)
{
    char message;
    ssize_t n = recv(template->control, &message, 1, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        template_close_control(template); /* it has exited: SIGCHLD follows */
    if (n != 1)
        return;
    switch ((enum template_message)message) {
    case TEMPLATE_READY: template_is_ready(server, template); break;
    case TEMPLATE_WAITS: template->import.deadline = DEADLINE_NEVER; break; /* it has imported */
    case TEMPLATE_COUNTS: status_update(server); break;
    case TEMPLATE_LEFTOVERS: read_leftovers(server, template); break;
    }
}
