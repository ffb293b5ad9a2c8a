#include "server/server.h"

#include "base/streams.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/failure.h"
#include "server/server_state.h"
#include "server/shutdown.h"
#include "server/status.h"
#include "server/templates.h"
#include "systemd/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- templates that have exited ------------------------------------------------------------- */

/* The app cannot be loaded: a template answers 500 to the clients that wait. */
static void serve_failure(struct server *server, int status)
{
    if (templates_start(server, status, &server->current) < 0)
        shutdown_begin(server, status);
}

/* The current template has done its work: no request has arrived for --idle-timeout, or clients
 * were answered 500. So the server exits, unless a next template is on trial, which will replace
 * it, or, with --reload, a client waits: then it starts another template. */
static void current_template_finished(struct server *server, const struct template *template)
{
    bool has_client = server->reloader && server->reloader->room.n_clients > 0;

    if (server->next.pid > 0)
        return;
    server->is_idle_exit = server->reloader && !has_client;
    if (!has_client)
        shutdown_begin(server, template->failure);
    else if (templates_start(server, 0, &server->current) < 0)
        serve_failure(server, EX_OSERR);
}

/* The template on which the service depends has exited by itself: the current one, or the next one
 * if there is no current one. */
static void current_template_exited(
    struct server *server, const struct template *template, const struct exit_info *info)
{
    bool exited = WIFEXITED(info->status);

    if (template->failure != 0 || (exited && template->ready && WEXITSTATUS(info->status) == 0))
        current_template_finished(server, template);
    else if (!exited && template->ready && templates_start(server, 0, &server->current) == 0)
        log_line(LOG_NOTICE, "importing the application again");
    else
        serve_failure(
            server, exit_info_is_reported(info) ? WEXITSTATUS(info->status) : EX_SOFTWARE);
}

/* The next template has exited before it replaced the current one, which may have finished in the
 * meantime. */
static void next_template_exited(struct server *server, const struct exit_info *info)
{
    if (server->current.pid == 0) {
        current_template_exited(server, &TEMPLATE_NONE, info);
        return;
    }
    log_event(LOG_ERR, MESSAGE_ID_RELOAD_FAILED, NULL, 0,
        server->current.failure != 0
            ? "cannot reload: the import failed; requests are still answered 500"
            : "cannot reload: the import failed; the old application keeps serving");
    notify_ready();
    status_update(server);
    if (server->reload_pending)
        templates_reload(server);
}

static void template_exited(
    struct server *server, struct template *template, const struct exit_info *info)
{
    struct template exited = *template;
    bool is_old = template != &server->current && template != &server->next;

    if (server->reloader && !is_old && !exited.ready && exited.failure == 0)
        reloader_import_ended(server->reloader, template, true);
    if (server->reloader)
        queue_take_back(&template->queue, &server->reloader->room);
    templates_drain_control(server, template);
    template_close(template);
    *template = TEMPLATE_NONE;
    workers_release_unforked(&server->workers, exited.number);
    if (server->is_exiting || is_old)
        return;
    if (!WIFEXITED(info->status) || info->program[0] != '\0' ||
        (!exited.ready && !exit_info_is_reported(info))) {
        char how[128];
        exit_info_describe(info, how, sizeof(how));
        log_line(LOG_ERR, "template %d %s", exited.pid, how);
    }
    if (template == &server->current) {
        server->switching_to = 0;
        current_template_exited(server, &exited, info);
    } else
        next_template_exited(server, info);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void reap_children(struct server *server)
{
    struct worker_exit worker_exit;
    pid_t pid;

    while ((pid = workers_find_exited()) > 0) {
        struct template *template = templates_find(server, pid);
        if (template)
            leftovers_terminate(pid); /* processes that the import has started */
        workers_reap(&server->workers, pid, &worker_exit);
        if (template || worker_exit.is_worker)
            server_track_leftovers(server, pid);
        if (template)
            template_exited(server, template, &worker_exit.info);
        template_wake(&server->current);
        template_wake(&server->next);
    }
}

static void read_signal(struct server *server)
{
    struct signalfd_siginfo info;

    if (read(server->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGCHLD: reap_children(server); break;
    case SIGHUP: templates_reload(server); break;
    case SIGUSR1:
    case SIGUSR2: break;                        /* ignored: they must not end the server */
    case SIGINT: server->is_interrupted = true; /* fall through */
    default: shutdown_stop(server); break;
    }
}

static int open_signalfd(struct server *server)
{
    sigset_t signals;

    signal(SIGCHLD, SIG_DFL); /* it may be ignored, inherited from whatever started this process */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    server->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return server->signals < 0 ? -errno : 0;
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Returns when something is due next. */
static usec_t server_run_due(struct server *server)
{
    usec_t next = DEADLINE_NEVER;

    /* First, because this may start a template, whose deadline is considered below. */
    while (server->reloader && !server->is_exiting &&
        reloader_run_due(server->reloader, &server->current, templates_are_importing(server),
            &server->board, &next))
        templates_reload(server);
    deadline_update_next(workers_enforce_deadlines(&server->workers), &next);
    template_enforce_deadline(&server->current, &next);
    template_enforce_deadline(&server->next, &next);
    status_extend_start(server, &next);
    status_notify_watchdog(server, &next);
    if (server->is_exiting)
        workers_kill_starting(&server->workers, 0);
    if (server->switching_to)
        templates_finish_reload(server);
    shutdown_enforce_deadline(server, &next);
    old_templates_enforce_deadlines(&server->old_templates, false, &next);
    leftovers_check(&server->leftovers, &next);
    return next;
}

static void server_wait(struct server *server, usec_t until)
{
    struct pollfd fds[] = {
        {.fd = server->signals, .events = POLLIN},
        {.fd = server->current.control, .events = POLLIN},
        {.fd = server->next.control, .events = POLLIN},
        {.fd = server->reloader ? server->reloader->room.events : -1, .events = POLLIN},
        {.fd = server->reloader ? server->reloader->watch : -1, .events = POLLIN},
        {.fd = server->current.queue.server, .events = POLLIN},
    };

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), deadline_poll_timeout(until)) <= 0)
        return;
    if (fds[3].revents)
        reloader_accept(server->reloader);
    if (fds[4].revents)
        reloader_sources_changed(server->reloader);
    if (fds[5].revents)
        server->current.ready_spares += queue_count_ready(&server->current.queue);
    /* Only one of these, because each may change which descriptors the others are. */
    if (fds[1].revents)
        templates_read_message(server, &server->current);
    else if (fds[2].revents)
        templates_read_message(server, &server->next);
    else if (fds[0].revents)
        read_signal(server);
}

static int server_start(struct server *server, int failure)
{
    /* For --max-workers that run, and the spares of two templates. */
    const struct options *options = server->options;
    int r = scoreboard_init(&server->board, options->max_workers + 2 * options->spare + 1);

    server->workers = (struct workers){.options = options, .board = &server->board};
    server->watchdog = notify_watchdog_interval();
    if (r == 0)
        r = open_signalfd(server);
    if (r == 0 && server->reloader)
        r = reloader_init(server->reloader, server->activation, options->timeouts.head);
    if (r == 0)
        r = prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
    return r < 0 ? r : templates_start(server, failure, &server->current);
}

static void server_loop(struct server *server)
{
    for (;;) {
        usec_t next = server_run_due(server);
        if (shutdown_is_complete(server))
            return;
        server_wait(server, next);
    }
}

int server_run(const struct options *options, const struct activation *activation,
    const sigset_t *signals, int failure)
{
    struct options own_options = *options;
    struct server server = {
        .options = &own_options,
        .activation = activation,
        .initial_mask = signals,
        .signals = -1,
        .current = TEMPLATE_NONE,
        .next = TEMPLATE_NONE,
        .stop_deadline = DEADLINE_NEVER,
    };
    struct terminal terminal;
    struct reloader reloader = RELOADER_NONE;

    if (failure != 0)
        own_options.reload = false; /* no change of the app's sources can repair it */
    if (own_options.reload)
        server.reloader = &reloader;
    terminal_remember(&terminal);
    int r = server_start(&server, failure);
    if (r < 0)
        log_line(LOG_ERR, "cannot start the server: %s", strerror(-r));
    else
        server_loop(&server);
    int status = r < 0 ? EX_OSERR : server.exit_status;
    if (server.signals >= 0)
        close(server.signals);
    /* Clients that no template has answered: none could be started, or they came too late for it.
     */
    if (status != 0 && !server.is_idle_exit)
        failure_answer_clients(activation, server.reloader ? &server.reloader->room : NULL);
    scoreboard_done(&server.board);
    old_templates_done(&server.old_templates);
    if (server.reloader)
        reloader_done(server.reloader);
    if (server.is_interrupted) /* otherwise a shell may be using the terminal now */
        terminal_restore(&terminal);
    log_flush();
    return status;
}
