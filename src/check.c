#include "check.h"

#include "base/cleanup.h"
#include "base/deadline.h"
#include "base/problem.h"
#include "base/streams.h"
#include "image/freeze.h"
#include "image/obstacles.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/import.h"
#include "systemd/notify.h"
#include "worker/escalation.h"
#include "worker/exit_info.h"
#include "worker/process_exit.h"
#include "worker/request_timer.h"
#include "worker/worker.h"
#include "wsgi/bytecode.h"
#include "wsgi/gateway.h"
#include "wsgi/python.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the process that imports --------------------------------------------------------------- */

/* Where the cost of an import is counted from. */
struct baseline {
    usec_t time;
    long memory; /* KiB */
    struct obstacles obstacles;
};

/* The largest resident set so far, in KiB. */
static long peak_memory(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

static double processor_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns 0, or the exit status after logging why the import has failed. */
static int import_as_serving(const struct options *options, struct worker *worker)
{
    return options->import == IMPORT_WORKER || options->single ? import_in_worker(worker)
                                                               : import_in_template(worker, NULL);
}

static void print_bytecode(FILE *file)
{
    _cleanup_(bytecode_done) struct bytecode bytecode;

    bytecode_inspect(&bytecode);
    if (bytecode.command)
        fprintf(file,
            "bytecode     missing for %zu and stale for %zu of %zu modules, which are compiled at "
            "each start;\n"
            "             to compile them once, run: %s\n",
            bytecode.missing, bytecode.stale, bytecode.modules, bytecode.command);
}

/* Threads are counted at a fork. */
static int find_tasks(struct problem *ret_problem)
{
    obstacles_count_threads_at_fork();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return problem_set(ret_problem, 1, "cannot fork: %m");
    waitpid(pid, NULL, 0);
    return obstacles_find_tasks(ret_problem);
}

/* Only what the import has left: the report has the rest. */
static void print_image(FILE *file, const struct obstacles *before)
{
    struct freezer *freezer = freeze_is_supported() ? freezer_new() : NULL;
    struct problem problem;

    if (!freezer)
        problem_set(&problem, 1, "images need another machine or build");
    if (freezer && obstacles_find(before, &problem) == 0 && find_tasks(&problem) == 0 &&
        freezer_check_memory(freezer, &problem) == 0)
        fprintf(file, "image        can be made (--image, --freeze)\n");
    else
        fprintf(file, "image        cannot be made: %s\n", problem.text);
}

/* Leaves out what it cannot find out: that does not prevent serving. Returns whether everything was
 * written. */
static bool write_report(FILE *file, const struct worker *worker, const struct baseline *before)
{
    _cleanup_(freep) char *python = python_describe();
    _cleanup_(freep) char *application = gateway_describe(worker->gateway);
    double seconds = (double)(deadline_now() - before->time) / USEC_PER_SEC;

    fprintf(file, "%sapplication  %s: %s\n", python ? python : "", worker->options->application,
        application ? application : "unknown");
    if (worker->options->warm_up)
        fprintf(file, "warm-up      %s\n", worker->options->warm_up);
    fprintf(file, "import time  %.3f s (CPU time %.3f s)\n", seconds, processor_seconds());
    fprintf(file, "memory       %.1f MB (Python and the application: %.1f MB)\n",
        (double)peak_memory() / 1024, (double)(peak_memory() - before->memory) / 1024);
    print_bytecode(file);
    print_image(file, &before->obstacles);
    return fflush(file) == 0;
}

static _Noreturn void import_process_main(const struct options *options, int report)
{
    struct options serving = *options;
    struct worker worker = {.options = &serving};
    FILE *file = fdopen(report, "w");

    serving.reload = false; /* sources are not watched */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    notify_disable();
    log_after_fork();
    streams_redirect();
    struct baseline before = {0};
    if (obstacles_init(&before.obstacles) < 0)
        process_exit(EX_OSERR);
    before.time = deadline_now();
    before.memory = peak_memory();
    int status = import_as_serving(&serving, &worker);
    if (status != 0)
        process_exit(status);
    if (file && write_report(file, &worker, &before))
        process_exit(0);
    log_line(LOG_ERR, "cannot write the report: %m");
    process_exit(EX_OSERR);
}

/* ---- the process that waits ----------------------------------------------------------------- */

/* Waits until a child has ended, or the deadline has passed. It stays a zombie. SIGCHLD is blocked.
 */
static bool has_ended(pid_t pid, usec_t deadline)
{
    sigset_t children;
    siginfo_t info = {0};

    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
        usec_t now = deadline_now(), left = deadline > now ? deadline - now : 0;
        struct timespec time = {
            .tv_sec = (time_t)(left / USEC_PER_SEC),
            .tv_nsec = (long)(left % USEC_PER_SEC) * 1000,
        };
        if (left == 0)
            return false;
        sigtimedwait(&children, NULL, deadline == DEADLINE_NEVER ? NULL : &time);
    }
    return true;
}

/* Waits until a child has exited, kills it when it exceeds the timeout, and reaps it. Before that,
 * it kills what the import left running: while the child is a zombie, no other process can get its
 * ID. */
static void wait_for_exit(pid_t pid, usec_t timeout, struct exit_info *ret)
{
    struct escalation escalation = {
        .deadline = deadline_after(timeout),
        .grace = ESCALATION_GRACE,
    };
    enum escalation_step step;
    usec_t next;

    do {
        next = DEADLINE_NEVER;
        step = escalation_next(&escalation, &next);
        if (step == ESCALATION_DUMP) {
            kill(pid, DUMP_SIGNAL);
            log_event(
                LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0, "import timed out (--import-timeout)");
        }
    } while (step != ESCALATION_KILL && !has_ended(pid, next));
    kill(pid, SIGKILL); /* also by its ID: it may have moved to another process group */
    kill(-pid, SIGKILL);
    *ret = (struct exit_info){0};
    exit_info_find_program(pid, ret);
    waitpid(pid, &ret->status, 0);
    if (escalation.dumped)
        *ret = (struct exit_info){.status = W_EXITCODE(EX_SOFTWARE, 0)};
}

/* Returns the exit status that serving would have had. Logs how the process has ended, unless it
 * has logged that itself. */
static int serving_status(pid_t pid, const struct exit_info *exit_info, bool has_report)
{
    char how[128];

    if (exit_info_is_reported(exit_info))
        return WEXITSTATUS(exit_info->status);
    if (has_report && exit_info->status == 0 && exit_info->program[0] == '\0')
        return 0;
    exit_info_describe(exit_info, how, sizeof(how));
    log_line(LOG_ERR, "import process %d %s", pid, how);
    return EX_SOFTWARE;
}

static void print_report(int report)
{
    char buffer[4096];
    ssize_t size;

    for (off_t at = 0; (size = pread(report, buffer, sizeof(buffer), at)) > 0; at += size)
        fwrite(buffer, 1, (size_t)size, stdout);
}

/* Forks the process that imports the app and writes the report to *ret_report. Blocks SIGCHLD here.
 * Returns the process, or -1 with errno. */
static pid_t start_import(const struct options *options, int *ret_report)
{
    sigset_t children, before;

    /* A socket that the import must not close, like those of a server. */
    if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
        return -1;
    int report = memfd_create("report", MFD_CLOEXEC);
    if (report < 0)
        return -1;
    signal(SIGCHLD, SIG_DFL); /* it may have been ignored when this process was started */
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &before);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        import_process_main(options, report);
    }
    *ret_report = report;
    return pid;
}

int check_application(const struct options *options)
{
    struct exit_info exit_info;
    int report;

    pid_t pid = start_import(options, &report);
    if (pid < 0) {
        log_line(LOG_ERR, "cannot check the application: %m");
        return EX_OSERR;
    }
    wait_for_exit(pid, options->timeouts.import, &exit_info);
    bool has_report = lseek(report, 0, SEEK_END) > 0;
    int status = serving_status(pid, &exit_info, has_report);
    if (status == 0) {
        print_report(report);
        return 0;
    }
    /* Whatever the import did may have kept the process from logging why it ended. */
    log_line(LOG_ERR, "the application '%s' cannot be served (exit status %d)",
        options->application, status);
    return status;
}
