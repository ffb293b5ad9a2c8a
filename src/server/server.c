#include "server/server.h"

#include "base/cleanup.h"
#include "base/streams.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/failure.h"
#include "server/leftovers.h"
#include "server/reloader.h"
#include "server/template.h"
#include "server/template_process.h"
#include "server/workers.h"
#include "systemd/notify.h"
#include "wsgi/python.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

/* While the app is imported, systemd is asked for this much more time, that often. */
#define EXTENSION (15 * USEC_PER_SEC)
#define EXTENSION_INTERVAL (5 * USEC_PER_SEC)
struct server {
    const struct options *options;
    const struct activation *activation;
    struct scoreboard board;
    struct workers workers;
    const sigset_t *inherited; /* the signal mask that this process was started with */
    int signals;               /* a signalfd */
    struct template current;
    struct template next; /* on trial, to take over from the current one */
    struct old_templates old_templates;
    struct leftovers leftovers;
    struct reloader *reloader; /* NULL without --reload */
    unsigned last_number;
    bool reload_wanted;
    unsigned taking_over; /* the generation whose predecessor's spares are leaving, or 0 */
    bool ending;
    int status;       /* the exit status */
    bool is_idle_end; /* at a desk: clients that come now are for the next server to answer */
    bool stopped;     /* by a signal */
    bool hurried;     /* by another one */
    bool interrupted; /* by Ctrl-C: the terminal is ours */
    usec_t stop_deadline;
    usec_t extend_again;
    usec_t watchdog; /* the interval, 0: none */
    usec_t watchdog_again;
};

/* ---- what systemd is told ------------------------------------------------------------------- */

static void tell_idle_end(const struct server *server, char *text, size_t size)
{
    usec_t now = deadline_now(), last = server->board.totals->last_request;
    usec_t due = (last ? last : now) + server->options->timeouts.idle;
    time_t when = time(NULL) + (time_t)(due > now ? (due - now) / USEC_PER_SEC : 0);
    struct tm tm;

    if (localtime_r(&when, &tm))
        strftime(text, size, "; exits at %T if idle", &tm);
}

static void tell_counts(const struct server *server)
{
    size_t running = scoreboard_count(&server->board, SLOT_RUNNING, SLOT_RUNNING, 0);
    char idle_end[64] = "";

    if (server->current.failure != 0 && !server->ending) {
        notify_status("Cannot serve the application: answering 500");
        return;
    }
    if (running == 0 && server->options->timeouts.idle > 0 && !server->ending)
        tell_idle_end(server, idle_end, sizeof(idle_end));
    notify_status("%s %s: %" PRIu64 " served, %zu running, %zu spare%s",
        server->ending ? "Stopping" : "Serving", server->options->application,
        server->board.totals->served, running,
        scoreboard_count(&server->board, SLOT_STARTING, SLOT_SPARE, 0), idle_end);
}

/* ---- templates ------------------------------------------------------------------------------ */

/* What the template must not have of the server: above all the ends of the sockets that tell the
 * other templates to leave. */
static void part(void *data)
{
    struct server *server = data;

    template_close(&server->current);
    template_close(&server->next);
    if (server->reloader)
        reloader_done(server->reloader);
    close(server->signals);
}

/* Starts a template. failure: the app cannot be loaded, for this exit status. Returns 0 or -errno.
 */
static int start(struct server *server, struct template *generation, int failure)
{
    struct template_config template = {
        .options = server->options,
        .activation = server->activation,
        .board = &server->board,
        .signals = server->inherited,
        .generation = ++server->last_number,
        .failure = failure,
        .watchdog = server->watchdog / 4,
        .control = -1,
        .queue = -1,
        .sources = SOURCES_NONE,
    };

    int r = template_start(generation, &template, part, server);
    if (r < 0 && server->reloader && failure == 0)
        reloader_import_not_started(server->reloader);
    return r;
}

/* A template with this number, whatever it is to the server; or NULL. */
static struct template *find_generation(struct server *server, pid_t pid)
{
    if (server->current.pid == pid)
        return &server->current;
    if (server->next.pid == pid)
        return &server->next;
    return old_templates_find(&server->old_templates, pid);
}

/* ---- what is left running -------------------------------------------------------------------- */

/* What a process that has ended, or workers of a template, left running. */
static void look_after(struct server *server, pid_t group)
{
    usec_t timeout = server->options->timeouts.leftover;

    if (leftovers_exist(group))
        leftovers_add(&server->leftovers, group, server->hurried ? 0 : deadline_after(timeout));
}

static void read_leftovers(struct server *server, const struct template *generation)
{
    pid_t group;

    /* It was sent with its letter, so it is there. */
    if (recv(generation->control, &group, sizeof(group), 0) == sizeof(group) && group > 1)
        look_after(server, group);
}

/* Before the socket of a template is closed: what it has said is heard, and what it says from now
 * on fails, so that it looks after that itself. */
static void hear_out(struct server *server, const struct template *generation)
{
    char letter;

    if (generation->control < 0)
        return;
    shutdown(generation->control, SHUT_RD);
    while (recv(generation->control, &letter, 1, 0) == 1)
        if (letter == TEMPLATE_LEFTOVERS)
            read_leftovers(server, generation);
}

/* The template is told to leave, and remembered until it has. */
static void retire(struct server *server, struct template *generation)
{
    hear_out(server, generation);
    template_retire(generation, &server->old_templates);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void end(struct server *server, int status)
{
    server->ending = true;
    server->status = status;
    if (server->reloader)
        waiting_room_stop_accepting(&server->reloader->room);
    notify_stopping();
    tell_counts(server);
}

/* The first signal lets running requests finish, the second does not, nor does it give any time to
 * what they leave running. */
static void stop(struct server *server)
{
    usec_t timeout = server->options->timeouts.stop;

    server->hurried = server->stopped;
    server->stop_deadline = server->hurried ? 0 : deadline_after(timeout);
    if (server->reloader)
        waiting_room_done(&server->reloader->room);
    server->stopped = true;
    if (server->hurried)
        leftovers_kill(&server->leftovers);
    if (server->ending)
        return;
    end(server, 0);
    if (timeout > 0)
        notify_extend(timeout + server->options->timeouts.leftover + EXTENSION);
    retire(server, &server->current);
    retire(server, &server->next);
}

/* Those of a template become this process's own when that has ended, so it takes more than once. */
static void kill_all(struct server *server)
{
    usec_t next;

    workers_kill_all(&server->workers, "the server was stopped");
    template_kill(&server->current);
    template_kill(&server->next);
    old_templates_enforce_deadlines(&server->old_templates, true, &next);
}

static bool has_ended(const struct server *server)
{
    return server->ending && server->current.pid == 0 && server->next.pid == 0 &&
        old_templates_are_gone(&server->old_templates) && server->leftovers.count == 0 &&
        scoreboard_count(&server->board, SLOT_KILLED, SLOT_RUNNING, 0) == 0;
}

/* The app cannot be loaded. Who waits already is told so. */
static void fail(struct server *server, int status)
{
    int r = start(server, &server->current, status);

    if (r < 0)
        end(server, status);
}

/* ---- reload --------------------------------------------------------------------------------- */

static bool is_trying(const struct server *server)
{
    return !server->current.ready || server->next.pid > 0;
}

/* The new app is tried beside the old one. */
static void reload(struct server *server)
{
    if (server->ending || (server->current.failure != 0 && !server->reloader))
        return;
    server->reload_wanted = is_trying(server);
    if (server->reload_wanted)
        return;
    notify_reloading();
    notify_status("Reloading %s", server->options->application);
    int r = start(server, &server->next, 0);
    if (r == 0)
        return;
    log_event(LOG_ERR, MESSAGE_ID_RELOAD_FAILED, NULL, 0, "cannot reload: %s", strerror(-r));
    notify_ready();
}

static void take_over(struct server *server)
{
    if (server->reloader)
        queue_take_back(&server->current.queue, &server->reloader->room);
    retire(server, &server->current);
    server->current = server->next;
    server->next = TEMPLATE_NONE;
    server->taking_over = server->current.number;
}

/* A reload is done when nobody can get the old app any more. */
static void finish_take_over(struct server *server)
{
    const struct scoreboard *board = &server->board;
    unsigned number = server->taking_over;

    workers_kill_starting(&server->workers, number);
    if (scoreboard_count(board, SLOT_STARTING, SLOT_SPARE, 0) >
        scoreboard_count(board, SLOT_STARTING, SLOT_SPARE, number))
        return;
    server->taking_over = 0;
    log_event(
        LOG_NOTICE, MESSAGE_ID_RELOADED, NULL, 0, "reloaded %s", server->options->application);
    notify_ready();
    tell_counts(server);
}

/* For the journal, which keeps what `systemctl status` shows for a while only. At a desk it would
 * be no news. */
static void tell_start(const struct server *server, const struct template *generation)
{
    usec_t duration = deadline_now() - generation->started;
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

/* ---- what happens to templates -------------------------------------------------------------- */

static void become_ready(struct server *server, struct template *generation)
{
    generation->ready = true;
    generation->deadline = DEADLINE_NEVER;
    if (server->reloader && generation->failure == 0)
        reloader_import_ended(server->reloader, generation, false);
    if (generation == &server->next)
        take_over(server);
    else if (generation->failure == 0) {
        notify_ready();
        tell_start(server, generation);
    } else if (server->reloader)
        notify_ready(); /* it serves, though not the app */
    tell_counts(server);
    if (server->reload_wanted)
        reload(server);
}

static void read_control(struct server *server, struct template *generation)
{
    char letter;
    ssize_t n = recv(generation->control, &letter, 1, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        template_close_control(generation); /* it has left; SIGCHLD comes */
    if (n != 1)
        return;
    switch ((enum template_letter)letter) {
    case TEMPLATE_READY: become_ready(server, generation); break;
    case TEMPLATE_WAITS: generation->deadline = DEADLINE_NEVER; break; /* of the import */
    case TEMPLATE_COUNTS: tell_counts(server); break;
    case TEMPLATE_LEFTOVERS: read_leftovers(server, generation); break;
    }
}

/* The current template has left, because nobody asks. But the next one may go on; and somebody may
 * have come. */
static void go_without(struct server *server, const struct template *lost)
{
    bool is_asked = server->reloader && server->reloader->room.n_clients > 0;

    if (server->next.pid > 0)
        return;
    server->is_idle_end = server->reloader && !is_asked;
    if (!is_asked)
        end(server, lost->failure);
    else if (start(server, &server->current, 0) < 0)
        fail(server, EX_OSERR);
}

/* The current template has left without being told. */
static void lose_current(
    struct server *server, const struct template *lost, const struct exit_info *ending)
{
    int status = ending->status;
    bool exited = WIFEXITED(status);

    if (lost->failure != 0 || (exited && lost->ready && WEXITSTATUS(status) == 0)) {
        go_without(server, lost);
    } else if (!exited && lost->ready && start(server, &server->current, 0) == 0)
        log_line(LOG_NOTICE, "importing the application again");
    else
        fail(server, exit_info_is_reported(ending) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

static void lose_next(struct server *server, const struct exit_info *ending)
{
    if (server->current.pid == 0) {
        lose_current(server, &(struct template){0}, ending);
        return;
    }
    log_event(LOG_ERR, MESSAGE_ID_RELOAD_FAILED, NULL, 0,
        server->current.failure != 0
            ? "cannot reload: the import failed; requests are still answered 500"
            : "cannot reload: the import failed; the old application keeps serving");
    notify_ready();
    tell_counts(server);
    if (server->reload_wanted)
        reload(server);
}

static void lose(struct server *server, struct template *generation, const struct exit_info *ending)
{
    struct template lost = *generation;
    bool is_retired = generation != &server->current && generation != &server->next;
    int status = ending->status;

    if (server->reloader && !is_retired && !lost.ready && lost.failure == 0)
        reloader_import_ended(server->reloader, generation, true);
    if (server->reloader)
        queue_take_back(&generation->queue, &server->reloader->room);
    hear_out(server, generation);
    template_close(generation);
    *generation = TEMPLATE_NONE;
    workers_sweep(&server->workers, lost.number);
    if (server->ending || is_retired)
        return;
    if (!WIFEXITED(status) || ending->program[0] != '\0' ||
        (!lost.ready && !exit_info_is_reported(ending))) {
        char how[128];
        exit_info_describe(ending, how, sizeof(how));
        log_line(LOG_ERR, "template %d %s", lost.pid, how);
    }
    if (generation == &server->current)
        server->taking_over = 0;
    if (generation == &server->current)
        lose_current(server, &lost, ending);
    else
        lose_next(server, ending);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void reap(struct server *server)
{
    struct worker_exit departure;
    pid_t pid;

    while ((pid = workers_find_exited()) > 0) {
        struct template *generation = find_generation(server, pid);
        if (generation)
            leftovers_terminate(pid); /* what the import had started */
        workers_reap(&server->workers, pid, &departure);
        if (generation || departure.is_worker)
            look_after(server, pid);
        if (generation)
            lose(server, generation, &departure.ending);
        template_notify(&server->current);
        template_notify(&server->next);
    }
}

static void take_signal(struct server *server)
{
    struct signalfd_siginfo info;

    if (read(server->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGCHLD: reap(server); break;
    case SIGHUP: reload(server); break;
    case SIGUSR1:
    case SIGUSR2: break;                     /* mean nothing here, and shall not be the end */
    case SIGINT: server->interrupted = true; /* fall through */
    default: stop(server); break;
    }
}

static int open_signals(struct server *server)
{
    sigset_t signals;

    signal(SIGCHLD, SIG_DFL); /* whoever started this process may have ignored it */
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

/* ---- what is due ---------------------------------------------------------------------------- */

static void ask_for_time(struct server *server, usec_t *next)
{
    bool starts = !server->current.ready && server->current.failure == 0;

    if (server->ending || !starts || !deadline_is_due(server->extend_again, next))
        return;
    notify_extend(EXTENSION);
    server->extend_again = deadline_after(EXTENSION_INTERVAL);
    deadline_update_next(server->extend_again, next);
}

/* Only as long as the template, too, goes round in its loop. */
static void feed_watchdog(struct server *server, usec_t *next)
{
    if (server->watchdog == 0 || !deadline_is_due(server->watchdog_again, next))
        return;
    usec_t now = deadline_now();
    if (!server->current.ready || server->board.totals->alive + server->watchdog > now)
        notify_watchdog();
    server->watchdog_again = now + server->watchdog / 2;
    deadline_update_next(server->watchdog_again, next);
}

static void tend_desk(struct server *server, usec_t *next)
{
    while (reloader_run_due(
        server->reloader, &server->current, is_trying(server), &server->board, next))
        reload(server);
}

/* Returns when something is due next. */
static usec_t do_what_is_due(struct server *server)
{
    usec_t next = DEADLINE_NEVER;

    /* First, because it may start a template, whose deadline counts below. */
    if (server->reloader && !server->ending)
        tend_desk(server, &next);
    deadline_update_next(workers_enforce_deadlines(&server->workers), &next);
    template_enforce_deadline(&server->current, &next);
    template_enforce_deadline(&server->next, &next);
    ask_for_time(server, &next);
    feed_watchdog(server, &next);
    if (server->ending)
        workers_kill_starting(&server->workers, 0);
    if (server->taking_over)
        finish_take_over(server);
    if (server->ending && deadline_is_due(server->stop_deadline, &next))
        kill_all(server);
    old_templates_enforce_deadlines(&server->old_templates, false, &next);
    leftovers_check(&server->leftovers, &next);
    return next;
}

static void wait_for_events(struct server *server, usec_t until)
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
    /* One at a time, because each may change which the others are. */
    if (fds[1].revents)
        read_control(server, &server->current);
    else if (fds[2].revents)
        read_control(server, &server->next);
    else if (fds[0].revents)
        take_signal(server);
}

static int prepare(struct server *server, int failure)
{
    /* Room for the running ones, and for the spares of two templates. */
    const struct options *options = server->options;
    int r = scoreboard_init(&server->board, options->max_workers + 2 * options->spare + 1);

    server->workers = (struct workers){.options = server->options, .board = &server->board};
    server->watchdog = notify_watchdog_interval();
    if (r == 0)
        r = open_signals(server);
    if (r == 0 && server->reloader)
        r = reloader_init(server->reloader, options, server->activation);
    if (r == 0)
        r = prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
    return r < 0 ? r : start(server, &server->current, failure);
}

/* Whoever no template has answered, because none could be started, or they came too late for it. */
static void excuse_rest(struct server *server)
{
    if (server->signals >= 0)
        close(server->signals);
    failure_answer_clients(server->activation, server->reloader ? &server->reloader->room : NULL);
}

int server_run(const struct options *options, const struct activation *activation,
    const sigset_t *signals, int failure)
{
    struct options own = *options;
    struct server server = {
        .options = &own,
        .activation = activation,
        .inherited = signals,
        .signals = -1,
        .current = TEMPLATE_NONE,
        .next = TEMPLATE_NONE,
        .stop_deadline = DEADLINE_NEVER,
    };
    struct terminal terminal;
    struct reloader reloader = RELOADER_NONE;

    if (failure != 0)
        own.reload = false; /* nothing is imported, so nothing that is saved can mend it */
    if (own.reload)
        server.reloader = &reloader;
    terminal_remember(&terminal);
    int r = prepare(&server, failure);
    if (r < 0)
        log_line(LOG_ERR, "cannot start the server: %s", strerror(-r));
    while (r == 0) {
        usec_t next = do_what_is_due(&server);
        if (has_ended(&server))
            break;
        wait_for_events(&server, next);
    }
    int status = r < 0 ? EX_OSERR : server.status;
    if (status != 0 && !server.is_idle_end)
        excuse_rest(&server);
    scoreboard_done(&server.board);
    old_templates_done(&server.old_templates);
    if (server.reloader)
        reloader_done(server.reloader);
    if (server.interrupted) /* not in the background, where a shell may be using it */
        terminal_restore(&terminal);
    log_flush();
    return status;
}
