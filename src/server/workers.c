#include "server/workers.h"

#include "log/access.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/leftovers.h"
#include "worker/escalation.h"
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

/* How long after its deadline a worker is killed: it prints the tracebacks, and answers its client.
 */
#define GRACE (2 * USEC_PER_SEC)

/* ---- log records about a worker -------------------------------------------------------------- */

static double worker_seconds(const struct slot *slot)
{
    return (double)(deadline_now() - slot->since) / (double)USEC_PER_SEC;
}

/* What log records say about a worker that cannot write them itself. */
struct worker_details {
    const char *name; /* of the request, for messages */
    char request[SLOT_REQUEST_SIZE], id[REQUEST_ID_SIZE], pid[16], duration[24];
    struct log_field fields[5];
};

static void worker_details_init(
    struct worker_details *ret, const struct workers *workers, const struct slot *slot)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    const char *request = ret->request;

    ret->name = report_request(report, ret->request);
    size_t method = strcspn(request, " ");
    const char *target = request[method] == ' ' ? request + method + 1 : "";

    snprintf(ret->pid, sizeof(ret->pid), "%d", slot->pid);
    snprintf(ret->duration, sizeof(ret->duration), "%" PRIu64, deadline_now() - slot->since);
    ret->fields[0] = (struct log_field){"WSGI_WORKER_PID", slice_unless_empty(ret->pid)};
    ret->fields[1] = (struct log_field){
        "WSGI_REQUEST_ID", slice_unless_empty(report_request_id(report, ret->id))};
    ret->fields[2] = (struct log_field){"WSGI_METHOD", {*target ? request : NULL, method}};
    ret->fields[3] = (struct log_field){"WSGI_TARGET", slice_unless_empty(target)};
    ret->fields[4] = (struct log_field){"WSGI_DURATION_USEC", slice_unless_empty(ret->duration)};
}

/* ---- reaping -------------------------------------------------------------------------------- */

pid_t workers_find_exited(void)
{
    siginfo_t info = {0};

    /* WNOWAIT: while it is a zombie, no other process can get its ID. */
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return 0;
    return info.si_pid;
}

/* The app may exit with this status, too. It counts as a timeout only after the deadline. */
static bool is_timed_out(
    const struct options *options, const struct slot *slot, const struct exit_info *info)
{
    int status = info->status;

    return info->program[0] == '\0' && WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL &&
        options->timeouts.request > 0 && deadline_now() - slot->since >= options->timeouts.request;
}

/* What the app called to exit before the end of its request. "" if nothing, or if the worker had
 * executed another program, for which it is unknown. */
static const char *exit_call(const struct report *report, const struct exit_info *info)
{
    if (!WIFEXITED(info->status) || info->program[0] != '\0' || report->done)
        return "";
    return report->exited ? " (exit() of C)" : " (os._exit)";
}

/* Puts the exit into words. Returns the MESSAGE_ID, or NULL. */
static const char *describe_exit(const struct options *options, const struct slot *slot,
    const struct report *report, const struct exit_info *info, char *buffer, size_t size)
{
    int status = info->status;

    if (is_timed_out(options, slot, info))
        snprintf(buffer, size, "timed out (--request-timeout)");
    else if (options->limits.cpu > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        snprintf(buffer, size, "exceeded its CPU time (--limit-cpu)");
    else {
        char how[128];
        exit_info_describe(info, how, sizeof(how));
        snprintf(buffer, size, "%s%s", how, exit_call(report, info));
        return WIFEXITED(status) ? NULL : MESSAGE_ID_WORKER_KILLED;
    }
    return MESSAGE_ID_LIMIT_HIT;
}

/* Exiting with 0 is normal after the request, or when the client sent nothing. */
static bool is_abnormal(const struct report *report, int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return true;
    return !report->done && report->request[0] != '\0';
}

/* Whether the exit of a worker without a request was expected: it was told to exit, or has logged
 * the reason itself. */
static bool is_expected(const struct slot *slot, const struct exit_info *info)
{
    if (exit_info_is_reported(info))
        return true;
    return WIFEXITED(info->status) && info->program[0] == '\0' && slot->state != SLOT_STARTING;
}

static void log_exit(
    const struct workers *workers, const struct slot *slot, const struct exit_info *info)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    struct worker_details details = {0};
    char how[160];
    int status = info->status;
    bool had_request = slot->state == SLOT_RUNNING;

    if (slot->killed || (!had_request && is_expected(slot, info)))
        return; /* this process or the worker has logged the reason */
    if (!had_request) {
        const char *id = describe_exit(workers->options, slot, report, info, how, sizeof(how));
        log_event(LOG_WARNING, id, NULL, 0, "spare worker %d %s", slot->pid, how);
        return;
    }
    if (!is_abnormal(report, status))
        return;
    const char *id = describe_exit(workers->options, slot, report, info, how, sizeof(how));
    worker_details_init(&details, workers, slot);
    log_event(WIFSIGNALED(status) ? LOG_ERR : LOG_WARNING, id, LOG_FIELDS(details.fields),
        "%s: worker %d %s after %.3f s", details.name, slot->pid, how, worker_seconds(slot));
}

/* Writes the access record that the worker could not write. What a killed worker has sent is
 * unknown. */
static void record_request(
    const struct workers *workers, const struct slot *slot, const struct rusage *usage)
{
    const struct report *report = scoreboard_report(workers->board, slot);
    struct worker_details details = {0};
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
    worker_details_init(&details, workers, slot);
    report_client(report, &record.peer);
    record.line = slice_unless_empty(details.request);
    access_write(
        &record, details.fields, 4, workers->options->access_log); /* it adds the duration itself */
}

void workers_reap(struct workers *workers, pid_t pid, struct worker_exit *ret)
{
    struct scoreboard_totals *totals = workers->board->totals;
    struct slot *slot = scoreboard_find(workers->board, pid);
    struct rusage usage = {0};

    if (slot)
        leftovers_terminate(pid);
    *ret = (struct worker_exit){.is_worker = slot};
    if (!slot || !scoreboard_report(workers->board, slot)->done) /* done: it ran no other program */
        exit_info_find_program(pid, &ret->info);
    wait4(pid, &ret->info.status, 0, &usage);
    if (!slot)
        return;
    ret->state = (enum slot_state)slot->state;
    log_exit(workers, slot, &ret->info);
    if (slot->state == SLOT_RUNNING) {
        record_request(workers, slot, &usage);
        totals->last_request = deadline_now();
        __atomic_add_fetch(&totals->served, 1, __ATOMIC_RELAXED);
    }
    scoreboard_release(slot);
}

/* ---- deadlines ------------------------------------------------------------------------------ */

/* Whether the process is a child of this one, alive or a zombie. If so, no other process has this
 * ID. */
static bool is_child(pid_t pid)
{
    siginfo_t info;

    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* This is made from the slot each time, because the process that watches a worker may change. The
 * slot does not record when the first step was taken, so the grace period counts from the deadline.
 */
static struct escalation worker_escalation(
    const struct options *options, const struct slot *slot, enum slot_state state)
{
    struct escalation escalation = {.deadline = DEADLINE_NEVER, .grace = GRACE};

    if (state == SLOT_STARTING && options->timeouts.import > 0) {
        escalation.deadline = slot->since + options->timeouts.import;
        escalation.dumped = slot->dumped;
    } else if (state == SLOT_RUNNING && options->timeouts.request > 0) {
        escalation.deadline = slot->since + options->timeouts.request + options->timeouts.linger;
        escalation.dumped = true; /* by the worker itself: see request_timer.h */
    }
    return escalation;
}

/* What the worker has started is left to workers_reap. Returns whether it is being killed: if not,
 * it runs as another user. */
static bool kill_worker(struct slot *slot)
{
    bool is_killed = kill(slot->pid, SIGKILL) == 0;

    slot->killed = true;
    return is_killed;
}

/* Logs last, because that may block for a while. */
static void kill_running(
    const struct workers *workers, struct slot *slot, const char *message_id, const char *why)
{
    struct worker_details details = {0};
    bool is_logged = slot->killed;

    bool is_killed = kill_worker(slot);
    if (is_logged)
        return;
    if (!is_killed) {
        log_line(LOG_ERR, "cannot kill worker %d: it runs as another user", slot->pid);
        return;
    }
    worker_details_init(&details, workers, slot);
    log_event(LOG_WARNING, message_id, LOG_FIELDS(details.fields),
        "%s: worker %d was killed after %.3f s: %s", details.name, slot->pid, worker_seconds(slot),
        why);
}

/* A worker that becomes ready at this moment could accept a connection before the signal arrives.
 * So its state changes first: a worker in SLOT_KILLED does not accept. */
static void kill_starting(struct slot *slot)
{
    if (slot_change(slot, SLOT_STARTING, SLOT_KILLED))
        kill_worker(slot);
}

static bool has_dumped_one(const struct scoreboard *board)
{
    for (size_t i = 0; i < board->size; i++)
        if (board->slots[i].state == SLOT_STARTING && board->slots[i].dumped)
            return true;
    return false;
}

/* Only one worker prints its tracebacks: they all hang in the same place, and tracebacks of several
 * processes would be mixed. */
static void dump_starting(const struct scoreboard *board, struct slot *slot)
{
    if (!has_dumped_one(board)) {
        kill(slot->pid, DUMP_SIGNAL);
        log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0,
            "worker %d: import timed out (--import-timeout)", slot->pid);
    }
    slot->dumped = true;
}

static void escalate(const struct workers *workers, struct slot *slot, enum slot_state state,
    enum escalation_step step)
{
    if (step == ESCALATION_DUMP)
        dump_starting(workers->board, slot);
    else if (step == ESCALATION_KILL && state == SLOT_STARTING)
        kill_starting(slot);
    else if (step == ESCALATION_KILL)
        kill_running(workers, slot, MESSAGE_ID_LIMIT_HIT, "did not exit after --request-timeout");
}

usec_t workers_enforce_deadlines(struct workers *workers)
{
    const struct options *options = workers->options;
    usec_t next = DEADLINE_NEVER;

    /* A spare may get a request at any time, and does not report it. */
    if (options->timeouts.request > 0)
        next = deadline_now() + options->timeouts.request + options->timeouts.linger + GRACE;
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        enum slot_state state = (enum slot_state)slot->state;
        struct escalation escalation = worker_escalation(options, slot, state);
        usec_t slot_next = DEADLINE_NEVER;
        enum escalation_step step = escalation_next(&escalation, &slot_next);
        if (slot->killed || (step != ESCALATION_NONE && !is_child(slot->pid)))
            continue;
        escalate(workers, slot, state, step);
        deadline_update_next(slot_next, &next);
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
            kill_running(workers, slot, MESSAGE_ID_WORKER_KILLED, why);
        else
            kill_worker(slot);
    }
}

void workers_kill_starting(struct workers *workers, unsigned except_template)
{
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        if (slot->state == SLOT_STARTING && slot->template_number != except_template &&
            is_child(slot->pid))
            kill_starting(slot);
    }
}

void workers_release_unforked(struct workers *workers, unsigned template_number)
{
    for (size_t i = 0; i < workers->board->size; i++) {
        struct slot *slot = &workers->board->slots[i];
        if (slot->state != SLOT_FREE && slot->template_number == template_number &&
            !is_child(slot->pid))
            scoreboard_release(slot);
    }
}
