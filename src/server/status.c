#include "server/status.h"

#include "log/log.h"
#include "log/message_ids.h"
#include "systemd/notify.h"
#include "wsgi/python.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* While the app is imported, more time is requested this often. */
#define EXTEND_INTERVAL (5 * USEC_PER_SEC)

static void describe_idle_exit(const struct server *server, char *text, size_t size)
{
    usec_t now = deadline_now(), last = server->board.totals->last_request;
    usec_t due = (last ? last : now) + server->options->timeouts.idle;
    time_t when = time(NULL) + (time_t)(due > now ? (due - now) / USEC_PER_SEC : 0);
    struct tm tm;

    if (localtime_r(&when, &tm))
        strftime(text, size, "; exits at %T if idle", &tm);
}

void status_update(const struct server *server)
{
    size_t running = scoreboard_count(&server->board, SLOT_RUNNING, SLOT_RUNNING, 0);
    char idle_exit[64] = "";

    if (server->current.failure != 0 && !server->is_exiting) {
        notify_status("Cannot serve the application: answering 500");
        return;
    }
    if (running == 0 && server->options->timeouts.idle > 0 && !server->is_exiting)
        describe_idle_exit(server, idle_exit, sizeof(idle_exit));
    notify_status("%s %s: %" PRIu64 " served, %zu running, %zu spare%s",
        server->is_exiting ? "Stopping" : "Serving", server->options->application,
        server->board.totals->served, running,
        scoreboard_count(&server->board, SLOT_STARTING, SLOT_SPARE, 0), idle_exit);
}

void status_log_serving(const struct server *server)
{
    usec_t duration = deadline_now() - server->current.started;
    char message[512], usec[24];

    snprintf(usec, sizeof(usec), "%" PRIu64, duration);
    snprintf(message, sizeof(message), "serving %s (Python %s, imported in %.3f s)",
        server->options->application, python_version(), (double)duration / (double)USEC_PER_SEC);
    const struct log_field fields[] = {
        {"WSGI_PYTHON_VERSION", {python_version(), strlen(python_version())}},
        {"WSGI_IMPORT_USEC", {usec, strlen(usec)}},
    };
    log_to_journal(LOG_INFO, MESSAGE_ID_SERVING, LOG_FIELDS(fields), message);
}

void status_extend_start(struct server *server, usec_t *next)
{
    bool is_starting = !server->current.ready && server->current.failure == 0;

    if (server->is_exiting || !is_starting || !deadline_is_due(server->extend_at, next))
        return;
    notify_extend(STATUS_EXTENSION);
    server->extend_at = deadline_after(EXTEND_INTERVAL);
    deadline_update_next(server->extend_at, next);
}

void status_notify_watchdog(struct server *server, usec_t *next)
{
    if (server->watchdog == 0 || !deadline_is_due(server->watchdog_at, next))
        return;
    usec_t now = deadline_now();
    if (!server->current.ready || server->board.totals->template_alive + server->watchdog > now)
        notify_watchdog();
    server->watchdog_at = now + server->watchdog / 2;
    deadline_update_next(server->watchdog_at, next);
}
