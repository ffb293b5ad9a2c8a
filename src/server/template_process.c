#include "server/template_process.h"

#include "base/streams.h"
#include "log/log.h"
#include "server/import.h"
#include "server/leftovers.h"
#include "server/spare.h"
#include "server/workers.h"
#include "systemd/notify.h"
#include "worker/process_exit.h"
#include "worker/signals.h"
#include "worker/worker.h"
#include "wsgi/observe.h"
#include "wsgi/python.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>

/* How long to wait before fork is tried again. */
#define FORK_PAUSE (100 * USEC_PER_MSEC)
/* How long an app that cannot be loaded is excused to those who wait. */
#define EXCUSES_TIME USEC_PER_SEC
/* How long to wait for a spare that starts before the end because nobody asks. */
#define START_PAUSE (100 * USEC_PER_MSEC)
/* Spares that end without a request, one soon after the other, before there is no sense in more. */
enum { MAX_LOST_SPARES = 5 };
#define LOST_SPARES_TIME (10 * USEC_PER_SEC)

/* What it has at hand while it runs. */
struct state {
    const struct template_config *template;
    struct worker worker;     /* what every worker begins with */
    struct sources sources;   /* until the app is imported */
    struct observer observer; /* stays here, because the interpreter knows it */
    struct workers workers;
    struct leftovers leftovers; /* the server kills them, but while they are there it is not idle */
    struct sigaction on_child;  /* the app's, for its workers */
    int stop[2];                /* a pipe: the spares leave when the writing end is closed */
    int wake;                   /* an eventfd for the spares */
    int children;               /* an eventfd: one of them may have ended */
    size_t forked;              /* spares so far */
    bool ready;
    bool waits;    /* there was no slot for its first spare */
    bool idle_end; /* the spares were told to leave, because nobody asks */
    unsigned lost_spares;
    usec_t last_lost;
    usec_t idle_since;
    usec_t excuses_end;
    usec_t fork_again; /* not before that */
    bool counts_changed;
    size_t running_told;
};

/* ---- preparation ---------------------------------------------------------------------------- */

static void tell(const struct state *state, enum template_letter letter)
{
    char byte = (char)letter;

    /* A server that has gone shows as the end of the socket. */
    (void)send(state->template->control, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Returns whether the server hears of it. */
static bool tell_remains(const struct state *state, pid_t group)
{
    char message[1 + sizeof(group)] = {TEMPLATE_LEFTOVERS};

    memcpy(message + 1, &group, sizeof(group));
    ssize_t n =
        send(state->template->control, message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)sizeof(message);
}

static volatile sig_atomic_t children_event;

/* A handler, because a signalfd sees nothing of what the kernel hands to another thread, and an
 * import may have left some. */
static void on_child(int signal_number)
{
    int saved_errno = errno;

    (void)signal_number;
    eventfd_write(children_event, 1);
    errno = saved_errno;
}

/* SIGTERM and the like are the server's affair, also when they are sent to all processes of the
 * unit, and when the app has handlers: those are for its workers. */
static int take_signals(struct state *state)
{
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigset_t children;

    children_event = state->children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    signals_block(state->worker.signal_policy);
    if (sigaction(SIGCHLD, &action, &state->on_child) < 0)
        return -1;
    return sigprocmask(SIG_UNBLOCK, &children, NULL);
}

static int open_descriptors(struct state *state)
{
    state->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    state->children = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state->wake < 0 || state->children < 0 || pipe2(state->stop, O_CLOEXEC) < 0)
        return -1;
    return take_signals(state);
}

/* ---- forking -------------------------------------------------------------------------------- */

/* A worker that is being forked. */
struct birth {
    const struct state *state;
    struct slot *slot;
    pid_t parent; /* the template */
};

/* The server takes over the workers of a template that has died by their slots, once: it may not
 * have found one that had not said yet which process it is. */
static void claim_slot(const struct birth *birth)
{
    pid_t self = getpid();

    /* The template says so, too. If neither has, the slot may be another worker's by now. */
    if (getppid() != birth->parent && birth->slot->pid != self)
        process_exit(0);
    birth->slot->pid = self;
    if (getppid() == birth->parent)
        return;
    birth->slot->killed = true;
    process_exit(0);
}

/* What a worker must not have of the template: above all the pipe's writing end. Last come the
 * signals of a request: what hooks of the app start inherits them. */
static void part(const void *data)
{
    const struct birth *birth = data;
    const struct state *state = birth->state;

    claim_slot(birth);
    setpgid(0, 0);
    close(state->stop[1]);
    close(state->children);
    close(state->template->control);
    log_after_fork();
    sigaction(SIGCHLD, &state->on_child, NULL);
    if (state->worker.gateway || state->worker.failure != 0)
        signals_ignore(state->worker.signal_policy); /* else worker_load does */
}

static _Noreturn void become_spare(const struct state *state, struct slot *slot)
{
    const struct template_config *template = state->template;
    struct spare spare = {
        .worker = state->worker,
        .activation = template->activation,
        .first_listener = state->forked,
        .board = template->board,
        .slot = slot,
        .stop = state->stop[0],
        .wake = state->wake,
        .queue = template->queue,
        .announce = !state->ready,
    };

    spare.worker.report = scoreboard_report(template->board, slot);
    spare_run(&spare);
}

static void pause_forking(struct state *state, usec_t *next)
{
    if (state->fork_again == 0)
        log_line(LOG_WARNING, "cannot fork workers for now: %m");
    leftovers_kill(&state->leftovers); /* who asks now comes first */
    state->fork_again = deadline_now() + FORK_PAUSE;
    deadline_update_next(state->fork_again, next);
}

/* The first spare may be one more than there may be, but after several reloads even the slots for
 * those are taken. The server does not hear of each worker of another template that ends, so there
 * may be no nudge: look again soon. */
static void wait_for_slot(struct state *state, usec_t *next)
{
    if (!state->waits) {
        log_line(LOG_WARNING,
            "cannot fork a worker until another one exits: too many workers after several reloads "
            "(--max-workers)");
        tell(state, TEMPLATE_WAITS);
    }
    state->waits = true;
    deadline_update_next(deadline_after(FORK_PAUSE), next);
}

/* Returns whether there may be more. */
static bool fork_spare(struct state *state, usec_t *next)
{
    const struct template_config *template = state->template;
    struct birth birth = {state, scoreboard_take(template->board, template->generation), getpid()};
    struct slot *slot = birth.slot;

    if (!slot && !state->ready)
        wait_for_slot(state, next);
    if (!slot)
        return false;
    pid_t pid = python_fork(part, &birth);
    if (pid == 0)
        become_spare(state, slot);
    if (pid < 0) {
        scoreboard_release(slot);
        pause_forking(state, next);
        return false;
    }
    /* It does both, too, because either may need it first. */
    slot->pid = pid;
    setpgid(pid, pid);
    state->forked++; /* each serves one connection: so every listener gets its turn */
    state->fork_again = 0;
    return true;
}

static size_t count(const struct state *state, enum slot_state first, enum slot_state last)
{
    return scoreboard_count(state->template->board, first, last, state->template->generation);
}

/* The very first one is forked even if the workers of another template, which is about to be
 * replaced, are as many as there may be: who has none never gets ready. */
static bool is_spare_wanted(const struct state *state)
{
    const struct template_config *template = state->template;
    size_t spares = count(state, SLOT_STARTING, SLOT_SPARE);
    size_t running = scoreboard_count(template->board, SLOT_RUNNING, SLOT_RUNNING, 0);
    bool is_first = !state->ready && count(state, SLOT_KILLED, SLOT_RUNNING) == 0;

    return spares < template->options->spare &&
        (spares + running < template->options->max_workers || is_first);
}

static void fork_spares(struct state *state, usec_t *next)
{
    if (state->idle_end || !deadline_is_due(state->fork_again, next))
        return;
    while (is_spare_wanted(state) && fork_spare(state, next))
        ;
}

/* ---- what happens --------------------------------------------------------------------------- */

/* A spare has ended before it had a request. One may have been killed by whoever was short of
 * memory; that one after the other ends so is the app's doing. */
static void lose_spare(struct state *state, const struct worker_exit *departure)
{
    const struct exit_info *ending = &departure->ending;
    bool exited = WIFEXITED(ending->status), started = departure->state == SLOT_SPARE;
    int status = exit_info_is_reported(ending) ? WEXITSTATUS(ending->status) : EX_SOFTWARE;
    usec_t now = deadline_now();

    if (exited && WEXITSTATUS(ending->status) == 0 && started)
        return; /* it was told to */
    if ((exited && !started) || departure->state == SLOT_KILLED)
        process_exit(status); /* the app cannot be loaded */
    state->lost_spares = now - state->last_lost > LOST_SPARES_TIME ? 1 : state->lost_spares + 1;
    state->last_lost = now;
    if (state->lost_spares < MAX_LOST_SPARES)
        return;
    log_line(
        LOG_ERR, "the last %d spare workers exited without a request: giving up", MAX_LOST_SPARES);
    process_exit(status);
}

/* What the server says is no more than that a slot has become free. */
static void leave_if_told(const struct state *state)
{
    char bytes[64];

    if (recv(state->template->control, bytes, sizeof(bytes), MSG_DONTWAIT) == 0)
        process_exit(0); /* the pipe ends with this process, and the spares with it */
}

static void reap(struct state *state)
{
    struct worker_exit departure;
    eventfd_t value;
    pid_t pid;

    eventfd_read(state->children, &value);
    while ((pid = workers_find_exited()) > 0) {
        leave_if_told(state); /* or the server would not hear of what the worker leaves running */
        workers_reap(&state->workers, pid, &departure);
        if (!departure.is_worker)
            continue; /* a child of the import's */
        if (leftovers_exist(pid))
            leftovers_add(&state->leftovers, pid, tell_remains(state, pid) ? DEADLINE_NEVER : 0);
        state->counts_changed = true;
        if (departure.state <= SLOT_SPARE)
            lose_spare(state, &departure);
        else
            state->lost_spares = 0;
    }
}

/* A spare has become ready, or the last one has got a request. */
static void wake_up(struct state *state)
{
    eventfd_t value;

    eventfd_read(state->wake, &value);
    state->counts_changed = true;
    if (state->ready || count(state, SLOT_SPARE, SLOT_RUNNING) == 0)
        return;
    state->ready = true;
    state->idle_since = deadline_now();
    tell(state, TEMPLATE_READY);
    if (state->worker.gateway && !state->template->options->reload)
        import_report_bytecode(); /* no client waits for that now */
}

/* ---- what is due ---------------------------------------------------------------------------- */

/* When the template may leave because nobody asks. */
static usec_t idle_deadline(const struct state *state)
{
    const struct template_config *template = state->template;
    usec_t timeout = template->options->timeouts.idle;
    usec_t last_request = template->board->totals->last_request;
    usec_t since = last_request > state->idle_since ? last_request : state->idle_since;

    if (timeout == 0 || !state->ready || count(state, SLOT_RUNNING, SLOT_RUNNING) > 0)
        return DEADLINE_NEVER;
    /* The server waits for these, and would keep whoever comes meanwhile waiting. */
    if (state->leftovers.count > 0)
        return DEADLINE_NEVER;
    /* A spare that is about to import would hold up the end, and who comes meanwhile. That it is
     * ready is not said. */
    usec_t soonest =
        count(state, SLOT_STARTING, SLOT_STARTING) > 0 ? deadline_after(START_PAUSE) : 0;
    return since + timeout > soonest ? since + timeout : soonest;
}

static void resume(struct state *state)
{
    if (pipe2(state->stop, O_CLOEXEC) < 0) {
        log_line(LOG_ERR, "cannot create a pipe: %m");
        process_exit(0); /* its workers go on, and systemd starts the next server */
    }
    state->idle_end = false;
    state->idle_since = deadline_now();
}

static void go_on_with_idle_end(struct state *state)
{
    if (count(state, SLOT_STARTING, SLOT_SPARE) > 0)
        return;
    if (count(state, SLOT_RUNNING, SLOT_RUNNING) == 0)
        process_exit(0);
    resume(state);
}

/* The spares leave first. One of them may get a connection at this very moment, and then all goes
 * on; a connection after that waits with systemd for the next process. */
static void begin_idle_end(struct state *state)
{
    state->idle_end = true;
    close(state->stop[1]);
    close(state->stop[0]);
    go_on_with_idle_end(state); /* there may be no spare whose end would be news */
}

/* An app that cannot be loaded is excused to those who wait already, and then that is the end. */
static void leave_if_excused(const struct state *state, usec_t *next)
{
    const struct template_config *template = state->template;
    bool done = state->ready && count(state, SLOT_SPARE, SLOT_SPARE) > 0 &&
        count(state, SLOT_RUNNING, SLOT_RUNNING) == 0 &&
        !activation_has_client(template->activation);

    if (done || deadline_is_due(state->excuses_end, next))
        process_exit(template->failure);
}

/* A worker that has begun in the meantime may not have said so, see spare.c. */
static void tell_counts(struct state *state, usec_t *next)
{
    struct scoreboard_totals *totals = state->template->board->totals;
    size_t running = count(state, SLOT_RUNNING, SLOT_RUNNING);

    if (!deadline_is_due(totals->told + SCOREBOARD_NEWS_INTERVAL, next))
        return;
    if (!state->counts_changed && running == state->running_told)
        return;
    state->counts_changed = false;
    state->running_told = running;
    totals->told = deadline_now();
    deadline_update_next(totals->told + SCOREBOARD_NEWS_INTERVAL, next);
    tell(state, TEMPLATE_COUNTS);
}

/* Returns when something is due next. */
static usec_t do_what_is_due(struct state *state)
{
    usec_t next = DEADLINE_NEVER, watchdog = state->template->watchdog;

    leftovers_check(&state->leftovers, &next);
    if (state->template->failure != 0 && !state->template->options->reload)
        leave_if_excused(state, &next);
    else if (state->idle_end)
        go_on_with_idle_end(state);
    else if (deadline_is_due(idle_deadline(state), &next))
        begin_idle_end(state);
    fork_spares(state, &next);
    deadline_update_next(workers_enforce_deadlines(&state->workers), &next);
    tell_counts(state, &next);
    state->template->board->totals->alive = deadline_now();
    if (watchdog != 0)
        deadline_update_next(deadline_now() + watchdog, &next);
    return next;
}

static void wait_for_events(struct state *state, usec_t until)
{
    struct pollfd fds[] = {
        {.fd = state->children, .events = POLLIN},
        {.fd = state->wake, .events = POLLIN},
        {.fd = state->template->control, .events = POLLIN},
    };

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), deadline_poll_timeout(until)) <= 0)
        return;
    if (fds[2].revents)
        leave_if_told(state); /* first: what has ended then is the server's to reap */
    if (fds[0].revents)
        reap(state);
    if (fds[1].revents)
        wake_up(state);
}

/* The scoreboard is no business of the app. */
static void import(struct state *state)
{
    const struct template_config *template = state->template;

    scoreboard_shield(template->board, true);
    int status =
        import_in_template(&state->worker, template->options->reload ? &state->sources : NULL);
    if (status != 0)
        process_exit(status);
    scoreboard_shield(template->board, false);
}

void template_process_main(const struct template_config *template)
{
    struct signal_policy survival = {.ignores_stop = true, .mask = *template->signals};
    struct state state = {
        .template = template,
        .worker = {.options = template->options,
            .failure = template->failure,
            .signal_policy = &survival},
        .workers = {.options = template->options, .board = template->board},
        .observer = {sources_record_file, &state.sources, template->options->application},
        .sources = template->sources,
        .excuses_end = DEADLINE_NEVER,
    };

    if (template->options->reload)
        state.worker.observer = &state.observer;
    setpgid(0, 0);
    signals_block(&survival);
    streams_detach_terminal(); /* which a server that is a session leader has kept */
    notify_disable();
    log_after_fork();
    if (template->failure != 0)
        state.excuses_end = deadline_now() + EXCUSES_TIME;
    else if (template->options->import == IMPORT_SERVER)
        import(&state);
    sources_done(&state.sources);
    if (open_descriptors(&state) < 0) {
        log_line(LOG_ERR, "cannot open the descriptors for workers: %m");
        process_exit(EX_OSERR);
    }
    for (;;)
        wait_for_events(&state, do_what_is_due(&state));
}
