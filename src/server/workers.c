#include "server/workers.h"

#include "log/access.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/leftovers.h"
#include "worker/request_timer.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

/* How long a worker that is to end may take to say goodbye: the client of an overdue request, and
 * the tracebacks, come first. */
#define GRACE (2 * USEC_PER_SEC)

/* ---- what the log is told of a worker -------------------------------------------------------- */

static double seconds_of(const struct slot *slot)
{
    return (double)(deadline_now() - slot->since) / (double)USEC_PER_SEC;
}

/* The fields of a record that is about a worker, and not of it. */
struct about {
    const char *name; /* of the request, for messages */
    char request[SLOT_REQUEST_SIZE], id[REQUEST_ID_SIZE], pid[16], duration[24];
    struct log_field fields[5];
};

static void describe(const struct workers *workers, const struct slot *slot, struct about *about)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    const char *request = about->request;

    about->name = report_request(report, about->request);
    size_t method = strcspn(request, " ");
    const char *target = request[method] == ' ' ? request + method + 1 : "";

    snprintf(about->pid, sizeof(about->pid), "%d", slot->pid);
    snprintf(about->duration, sizeof(about->duration), "%" PRIu64, deadline_now() - slot->since);
    about->fields[0] = (struct log_field){"WSGI_WORKER_PID", slice_unless_empty(about->pid)};
    about->fields[1] = (struct log_field){
        "WSGI_REQUEST_ID", slice_unless_empty(report_request_id(report, about->id))};
    about->fields[2] = (struct log_field){"WSGI_METHOD", {*target ? request : NULL, method}};
    about->fields[3] = (struct log_field){"WSGI_TARGET", slice_unless_empty(target)};
    about->fields[4] =
        (struct log_field){"WSGI_DURATION_USEC", slice_unless_empty(about->duration)};
}

/* ---- burying -------------------------------------------------------------------------------- */

pid_t workers_find_exited(void)
{
    siginfo_t info = {0};

    /* WNOWAIT: as long as it is a zombie, nobody else can get its number. */
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return 0;
    return info.si_pid;
}

/* The app may exit with that status, too: but not before. */
static bool is_overdue(
    const struct options *options, const struct slot *slot, const struct exit_info *ending)
{
    int status = ending->status;

    return ending->program[0] == '\0' && WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL &&
        options->timeouts.request > 0 && deadline_now() - slot->since >= options->timeouts.request;
}

/* What made it exit before its end, or "": of another program that is not known. */
static const char *name_way_out(const struct report *report, const struct exit_info *ending)
{
    if (!WIFEXITED(ending->status) || ending->program[0] != '\0' || report->done)
        return "";
    return report->exited ? " (exit() of C)" : " (os._exit)";
}

/* Puts it into words, and returns the MESSAGE_ID, if it has one. */
static const char *describe_end(const struct options *options, const struct slot *slot,
    const struct report *report, const struct exit_info *ending, char *buffer, size_t size)
{
    int status = ending->status;

    if (is_overdue(options, slot, ending))
        snprintf(buffer, size, "timed out (--request-timeout)");
    else if (options->limits.cpu > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        snprintf(buffer, size, "exceeded its CPU time (--limit-cpu)");
    else {
        char how[128];
        exit_info_describe(ending, how, sizeof(how));
        snprintf(buffer, size, "%s%s", how, name_way_out(report, ending));
        return WIFEXITED(status) ? NULL : MESSAGE_ID_WORKER_KILLED;
    }
    return MESSAGE_ID_LIMIT_HIT;
}

/* A client that sent nothing is no request to speak of; one that has ended in order neither. */
static bool is_worth_a_line(const struct report *report, int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return true;
    return !report->done && report->request[0] != '\0';
}

/* Whether a worker that had no request has ended by itself: it was told to, or has said why. */
static bool is_told(const struct slot *slot, const struct exit_info *ending)
{
    if (exit_info_is_reported(ending))
        return true;
    return WIFEXITED(ending->status) && ending->program[0] == '\0' && slot->state != SLOT_STARTING;
}

static void log_end(
    const struct workers *workers, const struct slot *slot, const struct exit_info *ending)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    struct about about = {0};
    char how[160];
    int status = ending->status;
    bool had_request = slot->state == SLOT_RUNNING;

    if (slot->killed || (!had_request && is_told(slot, ending)))
        return; /* it was said why, by this process or by the worker */
    if (!had_request) {
        const char *id = describe_end(workers->options, slot, report, ending, how, sizeof(how));
        log_event(LOG_WARNING, id, NULL, 0, "spare worker %d %s", slot->pid, how);
        return;
    }
    if (!is_worth_a_line(report, status))
        return;
    const char *id = describe_end(workers->options, slot, report, ending, how, sizeof(how));
    describe(workers, slot, &about);
    log_event(WIFSIGNALED(status) ? LOG_ERR : LOG_WARNING, id, LOG_FIELDS(about.fields),
        "%s: worker %d %s after %.3f s", about.name, slot->pid, how, seconds_of(slot));
}

/* The record of a request whose worker could not write it. Of one that was killed nobody knows what
 * it has sent. */
static void record_end(
    const struct workers *workers, const struct slot *slot, const struct rusage *usage)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    struct about about = {0};
    usec_t duration = deadline_now() - slot->since;
    unsigned status = report_status(report);
    bool is_known = status != 0;
    struct access_record record = {
        .time = time(NULL) - (time_t)(duration / USEC_PER_SEC),
        .status = status,
        .content = ACCESS_UNKNOWN,
        .received = is_known ? report->received : ACCESS_UNKNOWN,
        .sent = is_known ? report->sent : ACCESS_UNKNOWN,
        .duration = duration,
        .cpu = access_cpu(usage),
        .memory_peak = access_memory_peak(usage),
    };

    if (report->recorded || (report->request[0] == '\0' && !is_known))
        return;
    describe(workers, slot, &about);
    report_client(report, &record.peer);
    record.line = slice_unless_empty(about.request);
    access_write(&record, about.fields, 4, workers->options->access_log); /* it has the duration */
}

void workers_reap(struct workers *workers, pid_t pid, struct worker_exit *ret)
{
    struct scoreboard_totals *totals = workers->board->totals;
    struct slot *slot = scoreboard_find(workers->board, pid);
    struct rusage usage = {0};

    if (slot)
        leftovers_terminate(pid);
    *ret = (struct worker_exit){.is_worker = slot};
    if (!slot || !scoreboard_report(workers->board, slot)->done) /* else it was itself to its end */
        exit_info_find_program(pid, &ret->ending);
    wait4(pid, &ret->ending.status, 0, &usage);
    if (!slot)
        return;
    ret->state = (enum slot_state)slot->state;
    ret->generation = slot->generation;
    log_end(workers, slot, &ret->ending);
    if (slot->state == SLOT_RUNNING) {
        record_end(workers, slot, &usage);
        totals->last_request = deadline_now();
        __atomic_add_fetch(&totals->served, 1, __ATOMIC_RELAXED);
    }
    scoreboard_release(slot);
}

/* ---- deadlines ------------------------------------------------------------------------------ */

/* Whether the process is a child of this one, alive or not: its number is nobody else's then. */
static bool is_child(pid_t pid)
{
    siginfo_t info;

    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* When a worker has to have ended, and DEADLINE_NEVER when it may take for ever. */
static usec_t end_of_patience(
    const struct options *options, const struct slot *slot, enum slot_state state)
{
    switch (state) {
    case SLOT_STARTING:
        if (options->timeouts.import == 0)
            return DEADLINE_NEVER;
        return slot->since + options->timeouts.import + (slot->overdue ? GRACE : 0);
    case SLOT_RUNNING:
        if (options->timeouts.request == 0)
            return DEADLINE_NEVER;
        return slot->since + options->timeouts.request + options->timeouts.linger + GRACE;
    default: return DEADLINE_NEVER;
    }
}

static void log_doom(
    const struct workers *workers, const struct slot *slot, const char *message_id, const char *why)
{
    struct about about = {0};

    describe(workers, slot, &about);
    log_event(LOG_WARNING, message_id, LOG_FIELDS(about.fields),
        "%s: worker %d was killed after %.3f s: %s", about.name, slot->pid, seconds_of(slot), why);
}

/* What it has started is the business of workers_reap. Returns whether it is killed: else it has
 * become another user. */
static bool kill_worker(struct slot *slot)
{
    bool is_killed = kill(slot->pid, SIGKILL) == 0;

    slot->killed = true;
    return is_killed;
}

/* The log comes last: it may have to be waited for. */
static void end_running(
    const struct workers *workers, struct slot *slot, const char *message_id, const char *why)
{
    bool is_logged = slot->killed;

    bool is_killed = kill_worker(slot);
    if (is_logged)
        return;
    if (is_killed)
        log_doom(workers, slot, message_id, why);
    else
        log_line(LOG_ERR, "cannot kill worker %d: it runs as another user", slot->pid);
}

/* One that becomes ready at this moment may have a connection before the signal comes: it must know
 * first that it shall not accept. */
static void end_starting(struct slot *slot)
{
    if (!slot_change(slot, SLOT_STARTING, SLOT_KILLED))
        return;
    kill_worker(slot);
}

static bool is_one_overdue(const struct scoreboard *board)
{
    for (size_t i = 0; i < board->size; i++)
        if (board->slots[i].state == SLOT_STARTING && board->slots[i].overdue)
            return true;
    return false;
}

/* The tracebacks of one show where they all hang; those of several would be mixed. */
static void warn_starting(const struct scoreboard *board, struct slot *slot)
{
    if (!is_one_overdue(board)) {
        log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0,
            "worker %d: import timed out (--import-timeout)", slot->pid);
        kill(slot->pid, DUMP_SIGNAL);
    }
    slot->overdue = true;
}

static void end_overdue(const struct workers *workers, struct slot *slot, enum slot_state state)
{
    if (slot->killed)
        return; /* its end may take a moment */
    if (state != SLOT_STARTING)
        end_running(workers, slot, MESSAGE_ID_LIMIT_HIT, "did not exit after --request-timeout");
    else if (slot->overdue)
        end_starting(slot);
    else
        warn_starting(workers->board, slot);
}

usec_t workers_enforce_deadlines(struct workers *workers)
{
    const struct options *options = workers->options;
    usec_t now = deadline_now(), next = DEADLINE_NEVER;

    /* A spare may get a request at any time, without telling. */
    if (options->timeouts.request > 0)
        next = now + options->timeouts.request + options->timeouts.linger + GRACE;
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        enum slot_state state = (enum slot_state)slot->state;
        usec_t end = end_of_patience(options, slot, state);
        if (end <= now && is_child(slot->pid)) {
            end_overdue(workers, slot, state);
            end = end_of_patience(options, slot, state);
        }
        if (end > now && end < next)
            next = end;
    }
    return next;
}

void workers_kill_all(struct workers *workers, const char *why)
{
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        if (slot->state == SLOT_FREE || !is_child(slot->pid))
            continue;
        if (slot->state == SLOT_RUNNING)
            end_running(workers, slot, MESSAGE_ID_WORKER_KILLED, why);
        else
            kill_worker(slot);
    }
}

void workers_kill_starting(struct workers *workers, unsigned but_generation)
{
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        if (slot->state == SLOT_STARTING && slot->generation != but_generation &&
            is_child(slot->pid))
            end_starting(slot);
    }
}

void workers_sweep(struct workers *workers, unsigned generation)
{
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        if (slot->state != SLOT_FREE && slot->generation == generation && !is_child(slot->pid))
            scoreboard_release(slot);
    }
}
