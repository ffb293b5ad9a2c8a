#include "server/shutdown.h"

#include "server/status.h"
#include "server/templates.h"
#include "systemd/notify.h"

void shutdown_begin(struct server *server, int exit_status)
{
    server->is_exiting = true;
    server->exit_status = exit_status;
    if (server->reloader)
        waiting_room_stop_accepting(&server->reloader->room);
    notify_stopping();
    status_update(server);
}

void shutdown_stop(struct server *server)
{
    const struct options *options = server->options;

    server->is_forced = server->is_stopped;
    server->stop_deadline = server->is_forced ? 0 : deadline_after(options->timeouts.stop);
    if (server->reloader)
        waiting_room_done(&server->reloader->room);
    server->is_stopped = true;
    if (server->is_forced)
        leftovers_kill(&server->leftovers);
    if (server->is_exiting)
        return;
    shutdown_begin(server, 0);
    if (options->timeouts.stop > 0)
        notify_extend(options->timeouts.stop + options->timeouts.leftover + STATUS_EXTENSION);
    templates_retire(server, &server->current);
    templates_retire(server, &server->next);
}

void shutdown_enforce_deadline(struct server *server, usec_t *next)
{
    usec_t ignored;

    if (!server->is_exiting || !deadline_is_due(server->stop_deadline, next))
        return;
    /* This happens repeatedly: when a template has exited, its workers become children of this
     * process, which can kill them only then. */
    workers_kill_all(&server->workers, "the server was stopped");
    template_kill(&server->current);
    template_kill(&server->next);
    old_templates_enforce_deadlines(&server->old_templates, true, &ignored);
}

bool shutdown_is_complete(const struct server *server)
{
    return server->is_exiting && server->current.pid == 0 && server->next.pid == 0 &&
        old_templates_are_gone(&server->old_templates) && server->leftovers.count == 0 &&
        scoreboard_count(&server->board, SLOT_KILLED, SLOT_RUNNING, 0) == 0;
}
