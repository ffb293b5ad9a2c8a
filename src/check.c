#include "check.h"

#include "base/cleanup.h"
#include "base/deadline.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/import.h"
#include "systemd/notify.h"
#include "worker/exit_info.h"
#include "worker/process_exit.h"
#include "worker/request_timer.h"
#include "worker/worker.h"
#include "wsgi/bytecode.h"
#include "wsgi/gateway.h"
#include "wsgi/python.h"

#include <errno.h>
#include <fcntl.h>
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

/* From the tracebacks of an import that takes too long to its end. */
#define IMPORT_GRACE USEC_PER_SEC

/* ---- in the process that loads -------------------------------------------------------------- */

struct cost {
    usec_t begun;
    long memory; /* KiB, the most that was resident */
};

static long resident(void)
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

static void load(const struct options *options, struct worker *worker)
{
    if (options->import == IMPORT_WORKER || options->single)
        import_in_worker(worker);
    else
        import_in_template(options, worker, NULL);
}

static void report_bytecode(FILE *file)
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

/* What cannot be told is left out: that is no reason not to serve. Returns whether all of it was
 * written. */
static bool report(FILE *file, const struct worker *worker, const struct cost *before)
{
    _cleanup_(freep) char *python = python_describe();
    _cleanup_(freep) char *application = gateway_describe(worker->gateway);
    double seconds = (double)(deadline_now() - before->begun) / USEC_PER_SEC;

    fprintf(file, "%sapplication  %s: %s\n", python ? python : "", worker->options->application,
        application ? application : "unknown");
    if (worker->options->warm_up)
        fprintf(file, "warm-up      %s\n", worker->options->warm_up);
    fprintf(file, "import time  %.3f s (CPU time %.3f s)\n", seconds, processor_seconds());
    fprintf(file, "memory       %.1f MB (Python and the application: %.1f MB)\n",
        (double)resident() / 1024, (double)(resident() - before->memory) / 1024);
    report_bytecode(file);
    return fflush(file) == 0;
}

/* As a service has them: what is printed goes to standard error, and there is nothing to read. */
static void set_streams(void)
{
    _cleanup_(closep) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
}

static _Noreturn void load_and_report(const struct options *options, int fd)
{
    struct options loading = *options;
    struct worker worker = {.options = &loading};
    FILE *file = fdopen(fd, "w");
    struct cost before;

    loading.reload = false; /* nobody waits for a change */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    notify_disable();
    log_after_fork();
    set_streams();
    before = (struct cost){.begun = deadline_now(), .memory = resident()};
    load(&loading, &worker);
    if (file && report(file, &worker, &before))
        process_exit(0);
    log_line(LOG_ERR, "cannot write the report: %m");
    process_exit(EX_OSERR);
}

/* ---- in the process that waits -------------------------------------------------------------- */

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

/* What the import has left behind ends with the process; as long as that is a zombie, no other can
 * have its number. */
static void await_end(pid_t pid, const struct options *options, struct exit_info *ret)
{
    bool in_time = has_ended(pid, deadline_after(options->import_timeout));

    if (!in_time) {
        log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0, "import timed out (--import-timeout)");
        kill(pid, DUMP_SIGNAL);
        has_ended(pid, deadline_after(IMPORT_GRACE));
    }
    kill(pid, SIGKILL); /* it may have gone to another process group */
    kill(-pid, SIGKILL);
    *ret = (struct exit_info){0};
    exit_info_find_program(pid, ret);
    waitpid(pid, &ret->status, 0);
    if (!in_time)
        *ret = (struct exit_info){.status = W_EXITCODE(EX_SOFTWARE, 0)};
}

/* Returns the exit status that it amounts to. */
static int judge(pid_t pid, const struct exit_info *ending, bool reported)
{
    char how[128];

    if (exit_info_is_reported(ending))
        return WEXITSTATUS(ending->status);
    if (reported && ending->status == 0 && ending->program[0] == '\0')
        return 0;
    exit_info_describe(ending, how, sizeof(how));
    log_line(LOG_ERR, "import process %d %s", pid, how);
    return EX_SOFTWARE;
}

static int print(int fd)
{
    char buffer[4096];
    ssize_t size;

    for (off_t at = 0; (size = pread(fd, buffer, sizeof(buffer), at)) > 0; at += size)
        fwrite(buffer, 1, (size_t)size, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout)) /* an error may have come earlier */
        return 0;
    log_line(LOG_ERR, "cannot write to standard output: %m");
    return EX_IOERR;
}

/* Where the report goes, and a socket, as a server has one, which the import must leave alone. */
static int open_descriptors(void)
{
    if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
        return -1;
    return memfd_create("report", MFD_CLOEXEC);
}

int check_application(const struct options *options)
{
    sigset_t children, before;
    int fd = open_descriptors();

    signal(SIGCHLD, SIG_DFL); /* whoever started this process may have ignored it */
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &before);
    pid_t pid = fd < 0 ? -1 : fork();
    if (pid < 0) {
        log_line(LOG_ERR, "cannot check the application: %m");
        return EX_OSERR;
    }
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        load_and_report(options, fd);
    }
    struct exit_info ending;
    await_end(pid, options, &ending);
    int result = judge(pid, &ending, lseek(fd, 0, SEEK_END) > 0);
    if (result == 0)
        return print(fd);
    /* What the import did may have kept the process from saying why. */
    log_line(LOG_ERR, "the application '%s' cannot be served (exit status %d)",
        options->application, result);
    return result;
}
