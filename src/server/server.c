#include "server/server.h"

#include "cleanup.h"
#include "log.h"
#include "overdue.h"
#include "server/notify.h"
#include "server/template.h"
#include "server/workers.h"

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
/* From the tracebacks of an import that takes too long to its end. */
#define IMPORT_GRACE USEC_PER_SEC
/* How long a template that is told to leave may take. */
#define RETIREMENT_TIME (5 * USEC_PER_SEC)
enum { MAX_RETIRED = 8 };

/* A template and what is known of it. */
struct generation {
    pid_t pid;   /* 0: there is none */
    int control; /* see server/template.h; -1: closed */
    unsigned number;
    int failure; /* the exit status that it excuses to the clients, or 0 */
    bool ready;
    bool overdue; /* --import-timeout has passed */
    usec_t deadline;
};

struct server {
    const struct options *options;
    const struct activation *activation;
    struct scoreboard board;
    struct workers workers;
    sigset_t inherited; /* the signal mask that this process was started with */
    int signals;        /* a signalfd */
    struct generation current;
    struct generation next;                 /* on trial, to take over from the current one */
    struct generation retired[MAX_RETIRED]; /* told to leave */
    unsigned last_number;
    bool reload_wanted;
    unsigned taking_over; /* the generation whose predecessor's spares are leaving, or 0 */
    bool ending;
    int status;   /* the exit status */
    bool stopped; /* by a signal */
    usec_t stop_deadline;
    usec_t extend_again;
    usec_t watchdog; /* the interval, 0: none */
    usec_t watchdog_again;
};

/* ---- what systemd is told ------------------------------------------------------------------- */

static void tell_idle_end(const struct server *server, char *text, size_t size)
{
    usec_t now = deadline_now(), last = server->board.totals->last_request;
    usec_t due = (last ? last : now) + server->options->idle_timeout;
    time_t when = time(NULL) + (time_t)(due > now ? (due - now) / USEC_PER_SEC : 0);
    struct tm tm;

    if (localtime_r(&when, &tm))
        strftime(text, size, "; ends at %T if nobody asks", &tm);
}

static void tell_counts(const struct server *server)
{
    size_t running = scoreboard_count(&server->board, SLOT_RUNNING, SLOT_DONE, 0);
    char idle_end[64] = "";

    if (running == 0 && server->options->idle_timeout > 0 && !server->ending)
        tell_idle_end(server, idle_end, sizeof(idle_end));
    notify_status("%s %s: %" PRIu64 " served, %zu running, %zu spare%s",
        server->ending ? "Stopping" : "Serving", server->options->application,
        server->board.totals->served, running,
        scoreboard_count(&server->board, SLOT_STARTING, SLOT_SPARE, 0), idle_end);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Whether it is time; else *next is not later than that. */
static bool is_due(usec_t when, usec_t *next)
{
    if (when <= deadline_now())
        return true;
    if (when < *next)
        *next = when;
    return false;
}

/* ---- templates ------------------------------------------------------------------------------ */

static void close_control(struct generation *generation)
{
    if (generation->control >= 0)
        close(generation->control);
    generation->control = -1;
}

/* What the template must not have of the server: above all the ends of the sockets that tell the
 * other templates to leave. */
static _Noreturn void become_template(
    struct server *server, int control, unsigned number, int failure)
{
    struct template template = {
        .options = server->options,
        .activation = server->activation,
        .board = &server->board,
        .signals = &server->inherited,
        .generation = number,
        .failure = failure,
        .control = control,
        .watchdog = server->watchdog / 4,
    };

    close_control(&server->current);
    close_control(&server->next);
    close(server->signals);
    template_run(&template);
}

/* Starts a template. failure: the app cannot be loaded, for this exit status. Returns 0 or -errno.
 */
static int start(struct server *server, struct generation *generation, int failure)
{
    bool imports = failure == 0 && server->options->import == IMPORT_SERVER;
    unsigned number = ++server->last_number;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        become_template(server, pair[1], number, failure);
    }
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -error;
    }
    setpgid(pid, pid); /* it does that, too: either may need it first */
    *generation = (struct generation){
        .pid = pid,
        .control = pair[0],
        .number = number,
        .failure = failure,
        .deadline = imports ? deadline_after(server->options->import_timeout) : DEADLINE_NEVER,
    };
    return 0;
}

/* Makes a template leave: one that is ready listens, one that imports cannot. */
static void retire(struct server *server, struct generation *generation)
{
    struct generation *place = server->retired;

    close_control(generation);
    if (generation->pid > 0) {
        if (!generation->ready)
            kill(-generation->pid, SIGKILL);
        while (place < server->retired + MAX_RETIRED - 1 && place->pid > 0)
            place++;
        if (place->pid > 0)
            kill(-place->pid, SIGKILL);
        *place = *generation;
        place->deadline = deadline_after(RETIREMENT_TIME);
    }
    *generation = (struct generation){.control = -1};
}

/* Whatever the app's hooks do in it. */
static void enforce_retirement(struct server *server, usec_t *next)
{
    for (size_t i = 0; i < MAX_RETIRED; i++) {
        struct generation *retired = &server->retired[i];
        if (retired->pid == 0 || !is_due(retired->deadline, next))
            continue;
        kill(-retired->pid, SIGKILL);
        retired->deadline = DEADLINE_NEVER;
    }
}

static bool are_retired_gone(const struct server *server)
{
    for (size_t i = 0; i < MAX_RETIRED; i++)
        if (server->retired[i].pid > 0)
            return false;
    return true;
}

/* A template with this number, whatever it is to the server; or NULL. */
static struct generation *find_generation(struct server *server, pid_t pid)
{
    if (server->current.pid == pid)
        return &server->current;
    if (server->next.pid == pid)
        return &server->next;
    for (size_t i = 0; i < MAX_RETIRED; i++)
        if (server->retired[i].pid == pid)
            return &server->retired[i];
    return NULL;
}

/* A slot has become free: templates may want it. */
static void nudge(const struct generation *generation)
{
    if (generation->control >= 0)
        (void)send(generation->control, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void end(struct server *server, int status)
{
    server->ending = true;
    server->status = status;
    notify_stopping();
    tell_counts(server);
}

/* The first signal lets running requests finish, the second does not. */
static void stop(struct server *server)
{
    usec_t timeout = server->options->stop_timeout;

    server->stop_deadline = server->stopped ? 0 : deadline_after(timeout);
    server->stopped = true;
    if (server->ending)
        return;
    end(server, 0);
    if (timeout > 0)
        notify_extend(timeout + EXTENSION);
    retire(server, &server->current);
    retire(server, &server->next);
}

static void kill_all(struct server *server)
{
    workers_kill_running(&server->workers, "the server was stopped");
    if (server->current.pid > 0)
        kill(-server->current.pid, SIGKILL);
    if (server->next.pid > 0)
        kill(-server->next.pid, SIGKILL);
    for (size_t i = 0; i < MAX_RETIRED; i++)
        server->retired[i].deadline = 0;
}

static bool has_ended(const struct server *server)
{
    return server->ending && server->current.pid == 0 && server->next.pid == 0 &&
        are_retired_gone(server) &&
        scoreboard_count(&server->board, SLOT_DOOMED, SLOT_DONE, 0) == 0;
}

/* The app cannot be loaded. Who waits already is told so. */
static void fail(struct server *server, int status)
{
    int r = start(server, &server->current, status);

    if (r < 0)
        end(server, status);
}

/* ---- reload --------------------------------------------------------------------------------- */

/* The new app is tried beside the old one. */
static void reload(struct server *server)
{
    if (server->ending || server->current.failure != 0)
        return;
    server->reload_wanted = !server->current.ready || server->next.pid > 0;
    if (server->reload_wanted)
        return;
    notify_reloading();
    notify_status("Reloading %s", server->options->application);
    int r = start(server, &server->next, 0);
    if (r == 0)
        return;
    log_line("cannot reload: %s", strerror(-r));
    notify_ready();
}

static void take_over(struct server *server)
{
    retire(server, &server->current);
    server->current = server->next;
    server->next = (struct generation){.control = -1};
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
    log_line("reloaded %s", server->options->application);
    notify_ready();
    tell_counts(server);
}

/* ---- what happens to templates -------------------------------------------------------------- */

static void become_ready(struct server *server, struct generation *generation)
{
    generation->ready = true;
    generation->deadline = DEADLINE_NEVER;
    if (generation == &server->next)
        take_over(server);
    else if (generation->failure == 0)
        notify_ready();
    tell_counts(server);
    if (server->reload_wanted)
        reload(server);
}

static void listen_to(struct server *server, struct generation *generation)
{
    char letter;
    ssize_t n = recv(generation->control, &letter, 1, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_control(generation); /* it has left; SIGCHLD comes */
    if (n != 1)
        return;
    switch ((enum template_letter)letter) {
    case TEMPLATE_READY: become_ready(server, generation); break;
    case TEMPLATE_CHANGED: reload(server); break;
    case TEMPLATE_COUNTS: tell_counts(server); break;
    }
}

/* The current template has left without being told. */
static void lose_current(struct server *server, const struct generation *lost, int status)
{
    bool exited = WIFEXITED(status);

    if (lost->failure != 0 || (exited && lost->ready && WEXITSTATUS(status) == 0)) {
        if (server->next.pid == 0) /* else that one goes on */
            end(server, lost->failure);
    } else if (!exited && lost->ready && start(server, &server->current, 0) == 0)
        log_line("the application is imported anew");
    else
        fail(server, exited && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EX_SOFTWARE);
}

static void lose_next(struct server *server, int status)
{
    if (server->current.pid == 0) {
        lose_current(server, &(struct generation){0}, status);
        return;
    }
    log_line("not reloaded: the application as it was before goes on");
    notify_ready();
    tell_counts(server);
    if (server->reload_wanted)
        reload(server);
}

static void lose(struct server *server, struct generation *generation, int status)
{
    struct generation lost = *generation;

    close_control(generation);
    *generation = (struct generation){.control = -1};
    workers_sweep(&server->workers, lost.number);
    if (server->ending || (generation != &server->current && generation != &server->next))
        return;
    if (!WIFEXITED(status) || (!lost.ready && WEXITSTATUS(status) == 0)) {
        char how[128];
        workers_describe_status(status, how, sizeof(how));
        log_line("the process %d that imported the application %s", lost.pid, how);
    }
    if (generation == &server->current)
        server->taking_over = 0;
    if (generation == &server->current)
        lose_current(server, &lost, status);
    else
        lose_next(server, status);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void reap(struct server *server)
{
    struct departure departure;
    pid_t pid;

    while ((pid = workers_find_dead()) > 0) {
        struct generation *generation = find_generation(server, pid);
        if (generation)
            kill(-pid, SIGKILL); /* what the import had started */
        workers_bury(&server->workers, pid, &departure);
        if (generation)
            lose(server, generation, departure.status);
        nudge(&server->current);
        nudge(&server->next);
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
    if (sigprocmask(SIG_BLOCK, &signals, &server->inherited) < 0)
        return -errno;
    server->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return server->signals < 0 ? -errno : 0;
}

/* ---- what is due ---------------------------------------------------------------------------- */

/* First its tracebacks, to see where it hangs. */
static void enforce_import_deadline(struct generation *generation, usec_t *next)
{
    if (generation->pid == 0 || !is_due(generation->deadline, next))
        return;
    if (generation->overdue) {
        kill(-generation->pid, SIGKILL);
        generation->deadline = DEADLINE_NEVER;
        return;
    }
    log_line("the application is not imported after --import-timeout");
    generation->overdue = true;
    generation->deadline = deadline_after(IMPORT_GRACE);
    kill(generation->pid, OVERDUE_DUMP_SIGNAL);
    is_due(generation->deadline, next);
}

static void ask_for_time(struct server *server, usec_t *next)
{
    bool starts = !server->current.ready && server->current.failure == 0;

    if (server->ending || !starts || !is_due(server->extend_again, next))
        return;
    notify_extend(EXTENSION);
    server->extend_again = deadline_after(EXTENSION_INTERVAL);
    is_due(server->extend_again, next);
}

/* Only as long as the template, too, goes round in its loop. */
static void feed_watchdog(struct server *server, usec_t *next)
{
    if (server->watchdog == 0 || !is_due(server->watchdog_again, next))
        return;
    usec_t now = deadline_now();
    if (!server->current.ready || server->board.totals->alive + server->watchdog > now)
        notify_watchdog();
    server->watchdog_again = now + server->watchdog / 2;
    is_due(server->watchdog_again, next);
}

/* Returns when something is due next. */
static usec_t do_what_is_due(struct server *server)
{
    usec_t next = workers_enforce_deadlines(&server->workers);

    enforce_import_deadline(&server->current, &next);
    enforce_import_deadline(&server->next, &next);
    ask_for_time(server, &next);
    feed_watchdog(server, &next);
    if (server->ending)
        workers_kill_starting(&server->workers, 0);
    if (server->taking_over)
        finish_take_over(server);
    if (server->ending && is_due(server->stop_deadline, &next)) {
        kill_all(server);
        server->stop_deadline = DEADLINE_NEVER;
    }
    enforce_retirement(server, &next);
    return next;
}

static void wait_for_events(struct server *server, usec_t until)
{
    struct pollfd fds[] = {
        {.fd = server->signals, .events = POLLIN},
        {.fd = server->current.control, .events = POLLIN},
        {.fd = server->next.control, .events = POLLIN},
    };

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), deadline_poll_timeout(until)) <= 0)
        return;
    /* One at a time, because each may change which the others are. */
    if (fds[1].revents)
        listen_to(server, &server->current);
    else if (fds[2].revents)
        listen_to(server, &server->next);
    else
        take_signal(server);
}

static int prepare(struct server *server)
{
    /* Room for the running ones, and for the spares of two templates. */
    const struct options *options = server->options;
    int r = scoreboard_init(&server->board, options->max_workers + 2 * options->spare + 1);

    server->workers = (struct workers){.options = server->options, .board = &server->board};
    server->watchdog = notify_watchdog_interval();
    if (r == 0)
        r = open_signals(server);
    if (r == 0)
        r = prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
    return r < 0 ? r : start(server, &server->current, 0);
}

int server_run(const struct options *options, const struct activation *activation)
{
    struct server server = {
        .options = options,
        .activation = activation,
        .signals = -1,
        .current = {.control = -1},
        .next = {.control = -1},
        .stop_deadline = DEADLINE_NEVER,
    };
    int r = prepare(&server);

    if (r < 0)
        log_line("cannot start the server: %s", strerror(-r));
    while (r == 0 && !has_ended(&server))
        wait_for_events(&server, do_what_is_due(&server));
    scoreboard_done(&server.board);
    return r < 0 ? EX_OSERR : server.status;
}
