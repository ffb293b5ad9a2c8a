#include "server/template_process.h"

#include "base/streams.h"
#include "log/log.h"
#include "server/import.h"
#include "server/leftovers.h"
#include "server/spares.h"
#include "server/workers.h"
#include "systemd/notify.h"
#include "worker/process_exit.h"
#include "worker/signals.h"
#include "wsgi/observe.h"
#include "wsgi/python.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>

/* How long to wait before looking again for a free slot, or, when idle, at a spare that starts. */
#define CHECK_PAUSE (100 * USEC_PER_MSEC)
/* When the app cannot be loaded: how long to answer 500 to the clients that wait. */
#define FAILURE_TIME USEC_PER_SEC
/* This many spares that exit without a request, each soon after the one before, are too many. */
enum { MAX_LOST_SPARES = 5 };
#define LOST_SPARES_TIME (10 * USEC_PER_SEC)

/* What functions return instead of the exit status while the template must not exit. */
enum { KEEP_RUNNING = -1 };

struct template_process {
    const struct template_config *config;
    struct signal_policy signals;
    struct sources sources;   /* until the app is imported */
    struct observer observer; /* must not move: the interpreter keeps a pointer to it */
    struct spares spares;
    struct workers workers;
    struct leftovers leftovers; /* the server kills them; while there are any, it is not idle */
    bool ready;
    bool waits_for_slot;  /* for its first spare */
    bool idle_exit;       /* the spares were told to exit, because no request arrives */
    unsigned lost_spares; /* exited without a request, one soon after the other */
    usec_t last_lost_spare;
    usec_t idle_since;
    usec_t failure_end; /* see FAILURE_TIME */
    bool counts_changed;
    size_t reported_running;
};

/* ---- the server ----------------------------------------------------------------------------- */

static void send_message(const struct template_process *process, enum template_message message)
{
    /* If the server has exited, this fails, and is_told_to_exit notices the end of file. */
    (void)send(process->config->control, &(char){(char)message}, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The server kills the group when its time is up; if it does not read messages any more, this
 * process does so now, because it is about to exit. */
static void hand_over_leftovers(struct template_process *process, pid_t group)
{
    char message[1 + sizeof(group)] = {TEMPLATE_LEFTOVERS};

    memcpy(message + 1, &group, sizeof(group));
    if (send(process->config->control, message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) !=
        (ssize_t)sizeof(message))
        leftovers_kill_group(group);
    else
        leftovers_add(&process->leftovers, group, DEADLINE_NEVER);
}

/* Reads the control socket: the server sends nothing except that a slot has become free. When this
 * process exits, the spares exit, too, because that closes the pipe. */
static bool is_told_to_exit(const struct template_process *process)
{
    char bytes[64];

    return recv(process->config->control, bytes, sizeof(bytes), MSG_DONTWAIT) == 0;
}

/* At most once in SCOREBOARD_REPORT_INTERVAL. A worker whose request has begun in the meantime may
 * not have woken this process, see spare.c. */
static void report_counts(struct template_process *process, usec_t *next)
{
    struct scoreboard_totals *totals = process->config->board->totals;
    size_t running = spares_count(&process->spares, SLOT_RUNNING, SLOT_RUNNING);

    if (!deadline_is_due(totals->reported + SCOREBOARD_REPORT_INTERVAL, next))
        return;
    if (!process->counts_changed && running == process->reported_running)
        return;
    process->counts_changed = false;
    process->reported_running = running;
    totals->reported = deadline_now();
    deadline_update_next(totals->reported + SCOREBOARD_REPORT_INTERVAL, next);
    send_message(process, TEMPLATE_COUNTS);
}

/* ---- workers -------------------------------------------------------------------------------- */

static void fork_spares(struct template_process *process, usec_t *next)
{
    if (process->idle_exit)
        return;
    int r = spares_fork(&process->spares, process->ready, next);
    if (r < 0)
        leftovers_kill(&process->leftovers); /* clients need the processes and the memory now */
    if (r != SPARES_NO_SLOT)
        return;
    /* There are more slots than --max-workers, because a first spare may exceed that. But after
     * several reloads all may be taken. The server does not learn about every worker of another
     * template that exits, so it may not notify this one: check again soon. */
    if (!process->waits_for_slot) {
        log_line(LOG_WARNING,
            "cannot fork a worker until another one exits: too many workers after several reloads "
            "(--max-workers)");
        send_message(process, TEMPLATE_WAITS);
    }
    process->waits_for_slot = true;
    deadline_update_next(deadline_after(CHECK_PAUSE), next);
}

/* A spare has exited without a request. A single one may be a victim of the OOM killer; when one
 * after the other exits, the app is the reason. */
static int spare_exited(struct template_process *process, const struct worker_exit *worker_exit)
{
    const struct exit_info *info = &worker_exit->info;
    bool exited = WIFEXITED(info->status), was_ready = worker_exit->state == SLOT_SPARE;
    int status = exit_info_is_reported(info) ? WEXITSTATUS(info->status) : EX_SOFTWARE;

    if (exited && WEXITSTATUS(info->status) == 0 && was_ready)
        return KEEP_RUNNING; /* it was told to */
    if ((exited && !was_ready) || worker_exit->state == SLOT_KILLED)
        return status; /* the app cannot be loaded */
    usec_t now = deadline_now();
    bool is_soon = now - process->last_lost_spare <= LOST_SPARES_TIME;
    process->lost_spares = is_soon ? process->lost_spares + 1 : 1;
    process->last_lost_spare = now;
    if (process->lost_spares < MAX_LOST_SPARES)
        return KEEP_RUNNING;
    log_line(
        LOG_ERR, "the last %d spare workers exited without a request: giving up", MAX_LOST_SPARES);
    return status;
}

static int reap_workers(struct template_process *process)
{
    struct worker_exit worker_exit;
    eventfd_t value;
    int status = KEEP_RUNNING;
    pid_t pid;

    eventfd_read(process->spares.children, &value);
    while (status == KEEP_RUNNING && (pid = workers_find_exited()) > 0) {
        /* If told to exit, leave the worker to the server, which must learn about its leftovers. */
        if (is_told_to_exit(process))
            return 0;
        workers_reap(&process->workers, pid, &worker_exit);
        if (!worker_exit.is_worker)
            continue; /* a process that the import has started */
        if (leftovers_exist(pid))
            hand_over_leftovers(process, pid);
        process->counts_changed = true;
        if (worker_exit.state <= SLOT_SPARE)
            status = spare_exited(process, &worker_exit);
        else
            process->lost_spares = 0;
    }
    return status;
}

/* A spare has become ready, or a request has taken the last one. */
static void wake_up(struct template_process *process)
{
    eventfd_t value;

    eventfd_read(process->spares.wake, &value);
    process->counts_changed = true;
    if (process->ready || spares_count(&process->spares, SLOT_SPARE, SLOT_RUNNING) == 0)
        return;
    process->ready = true;
    process->idle_since = deadline_now();
    send_message(process, TEMPLATE_READY);
    if (process->spares.worker.gateway && !process->config->options->reload)
        import_report_bytecode(); /* only now, when it delays no client */
}

/* ---- exit when idle ------------------------------------------------------------------------- */

static usec_t idle_deadline(const struct template_process *process)
{
    const struct spares *spares = &process->spares;
    usec_t timeout = process->config->options->timeouts.idle;
    usec_t last_request = process->config->board->totals->last_request;
    usec_t since = last_request > process->idle_since ? last_request : process->idle_since;

    if (timeout == 0 || !process->ready || spares_count(spares, SLOT_RUNNING, SLOT_RUNNING) > 0)
        return DEADLINE_NEVER;
    /* The server would wait for these before it exits, and so would clients that come then. */
    if (process->leftovers.count > 0)
        return DEADLINE_NEVER;
    /* A spare that is importing would delay the exit, too. It does not report that it has become
     * ready, so check again soon. */
    bool is_starting = spares_count(spares, SLOT_STARTING, SLOT_STARTING) > 0;
    usec_t earliest = is_starting ? deadline_after(CHECK_PAUSE) : 0;
    return since + timeout > earliest ? since + timeout : earliest;
}

/* Exits once the spares have. If one of them got a connection, the template keeps running. */
static int continue_idle_exit(struct template_process *process)
{
    if (spares_count(&process->spares, SLOT_STARTING, SLOT_SPARE) > 0)
        return KEEP_RUNNING;
    if (spares_count(&process->spares, SLOT_RUNNING, SLOT_RUNNING) == 0)
        return 0;
    int r = spares_open(&process->spares);
    if (r < 0) {
        log_line(LOG_ERR, "cannot create a pipe: %s", strerror(-r));
        return 0; /* its workers finish their requests, and systemd starts the next server */
    }
    process->idle_exit = false;
    process->idle_since = deadline_now();
    return KEEP_RUNNING;
}

/* Makes the spares exit. One may get a connection at this moment; a connection after that waits in
 * the listener's backlog for the next server. */
static int begin_idle_exit(struct template_process *process)
{
    process->idle_exit = true;
    spares_stop(&process->spares);
    return continue_idle_exit(process); /* without spares, nothing else would call it */
}

/* When the app cannot be loaded: whether all clients that wait have been answered 500, or have had
 * the time for it. */
static bool is_failure_answered(const struct template_process *process, usec_t *next)
{
    bool done = process->ready && spares_count(&process->spares, SLOT_SPARE, SLOT_SPARE) > 0 &&
        spares_count(&process->spares, SLOT_RUNNING, SLOT_RUNNING) == 0 &&
        !activation_has_client(process->config->activation);

    return done || deadline_is_due(process->failure_end, next);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* *next becomes the time when something is due next. Returns the exit status or KEEP_RUNNING. */
static int template_run_due(struct template_process *process, usec_t *next)
{
    const struct template_config *config = process->config;
    int status = KEEP_RUNNING;

    leftovers_check(&process->leftovers, next);
    if (config->failure != 0 && !config->options->reload)
        status = is_failure_answered(process, next) ? config->failure : KEEP_RUNNING;
    else if (process->idle_exit)
        status = continue_idle_exit(process);
    else if (deadline_is_due(idle_deadline(process), next))
        status = begin_idle_exit(process);
    if (status != KEEP_RUNNING)
        return status;
    fork_spares(process, next);
    deadline_update_next(workers_enforce_deadlines(&process->workers), next);
    report_counts(process, next);
    config->board->totals->template_alive = deadline_now();
    if (config->watchdog != 0)
        deadline_update_next(deadline_now() + config->watchdog, next);
    return KEEP_RUNNING;
}

/* Returns like template_run_due. */
static int template_wait(struct template_process *process, usec_t until)
{
    struct pollfd fds[] = {
        {.fd = process->spares.children, .events = POLLIN},
        {.fd = process->spares.wake, .events = POLLIN},
        {.fd = process->config->control, .events = POLLIN},
    };

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), deadline_poll_timeout(until)) <= 0)
        return KEEP_RUNNING;
    if (fds[2].revents && is_told_to_exit(process))
        return 0; /* without reaping: what has exited is left to the server */
    int status = fds[0].revents ? reap_workers(process) : KEEP_RUNNING;
    if (status == KEEP_RUNNING && fds[1].revents)
        wake_up(process);
    return status;
}

/* ---- start ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t children_event;

static void on_child(int signal_number)
{
    int saved_errno = errno;

    (void)signal_number;
    eventfd_write(children_event, 1);
    errno = saved_errno;
}

/* SIGTERM and the like are for the server, even when they are sent to all processes of the unit.
 * Handlers of the app are for its workers. SIGCHLD has a handler, because a signalfd misses signals
 * that the kernel delivers to another thread, which an import may have left. */
static int set_up_signals(struct template_process *process)
{
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigset_t children;

    children_event = process->spares.children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    signals_block(&process->signals);
    if (sigaction(SIGCHLD, &action, &process->spares.on_child) < 0)
        return -errno;
    return sigprocmask(SIG_UNBLOCK, &children, NULL) < 0 ? -errno : 0;
}

static int prepare_for_workers(struct template_process *process)
{
    struct spares *spares = &process->spares;

    spares->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    spares->children = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (spares->wake < 0 || spares->children < 0)
        return -errno;
    int r = spares_open(spares);
    return r < 0 ? r : set_up_signals(process);
}

/* The app must not write to the scoreboard. Returns 0, or the exit status. */
static int import_shielded(struct template_process *process)
{
    bool reload = process->config->options->reload;

    scoreboard_shield(process->config->board, true);
    int status = import_in_template(&process->spares.worker, reload ? &process->sources : NULL);
    if (status == 0)
        scoreboard_shield(process->config->board, false);
    return status;
}

void template_process_main(const struct template_config *config)
{
    const struct options *options = config->options;
    struct template_process process = {
        .config = config,
        .signals = {.ignores_stop = true, .mask = *config->signals},
        .sources = config->sources,
        .observer = {sources_record_file, &process.sources, options->application},
        .spares = {.target = options->spare,
            .max_workers = options->max_workers,
            .board = config->board,
            .template_number = config->number,
            .activation = config->activation,
            .worker = {.options = options,
                .failure = config->failure,
                .signal_policy = &process.signals,
                .observer = options->reload ? &process.observer : NULL},
            .queue = config->queue,
            .control = config->control},
        .workers = {.options = options, .board = config->board},
        .failure_end = DEADLINE_NEVER,
    };
    int status = 0;

    setpgid(0, 0);
    signals_block(&process.signals);
    streams_detach_terminal(); /* a server that is a session leader has kept it */
    notify_disable();
    log_after_fork();
    if (config->failure != 0)
        process.failure_end = deadline_now() + FAILURE_TIME;
    else if (options->import == IMPORT_SERVER)
        status = import_shielded(&process);
    sources_done(&process.sources);
    if (status != 0)
        process_exit(status);
    int r = prepare_for_workers(&process);
    if (r < 0) {
        log_line(LOG_ERR, "cannot open the descriptors for workers: %s", strerror(-r));
        process_exit(EX_OSERR);
    }
    status = KEEP_RUNNING;
    while (status == KEEP_RUNNING) {
        usec_t next = DEADLINE_NEVER;
        status = template_run_due(&process, &next);
        if (status == KEEP_RUNNING)
            status = template_wait(&process, next);
    }
    process_exit(status);
}
