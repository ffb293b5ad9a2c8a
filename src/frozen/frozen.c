#include "frozen/frozen.h"

#include "base/cleanup.h"
#include "base/deadline.h"
#include "base/problem.h"
#include "frozen/freezing.h"
#include "image/freeze.h"
#include "image/thaw.h"
#include "image/variables.h"
#include "log/log.h"
#include "systemd/notify.h"
#include "worker/exit_info.h"
#include "worker/process_exit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* ---- making an image ------------------------------------------------------------------------ */

/* Waits until the child has ended, or the timeout is exceeded. Returns false then. */
static bool has_ended_in_time(pid_t pid, usec_t timeout)
{
    _cleanup_(closep) int process = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {.fd = process, .events = POLLIN};
    usec_t deadline = deadline_after(timeout);

    if (process < 0)
        return true; /* waitid(2) waits */
    while (poll(&end, 1, deadline_poll_timeout(deadline)) <= 0)
        if (deadline_now() >= deadline)
            return false;
    return true;
}

/* Waits for the process of the import, and kills what it has left. Returns the exit status, and why
 * the process could not report itself that it has failed; or NULL. */
static int wait_for_import(pid_t pid, usec_t timeout, const char **ret_reason)
{
    struct exit_info info = {0};
    char how[128];

    *ret_reason = NULL;
    if (!has_ended_in_time(pid, timeout)) {
        log_line(LOG_ERR, "import timed out (--import-timeout)");
        *ret_reason = "its import timed out (--import-timeout)";
    } else if (waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0) {
        log_line(LOG_ERR, "cannot wait for the import process: %m");
        return EX_OSERR;
    }
    kill(-pid, SIGKILL); /* while the child is a zombie, nobody else can have its ID */
    kill(pid, SIGKILL);
    waitpid(pid, &info.status, 0);
    if (WIFEXITED(info.status))
        return WEXITSTATUS(info.status);
    exit_info_describe(&info, how, sizeof(how));
    log_line(LOG_ERR, "import process %d %s", pid, how);
    if (!*ret_reason)
        *ret_reason = "its import was killed";
    return EX_SOFTWARE;
}

/* Writes the image to options->freeze. Returns 0 and the report, or the exit status. */
static int make_image(const struct options *options, char **argv,
    const struct signal_policy *signals, bool keep_refusal, struct freeze_report *ret_report)
{
    struct freezer *freezer = freeze_is_supported() ? freezer_new() : NULL;

    if (!freezer) {
        log_line(LOG_ERR, "cannot freeze the application: %s",
            freeze_is_supported() ? strerror(errno) : "images need another machine or build");
        return EX_UNAVAILABLE;
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == self)
            freezing_main(options, argv, signals, freezer, keep_refusal);
        process_exit(EX_OSERR);
    }
    if (pid < 0) {
        log_line(LOG_ERR, "cannot freeze the application: %m");
        return EX_OSERR;
    }
    const char *reason;
    int status = wait_for_import(pid, options->timeouts.import, &reason);
    freezer_remove_new(freezer);
    if (keep_refusal && reason && freezer_report(freezer)->size == 0)
        freezing_write_refusal(options, argv + 1, freezer, (struct slice){0}, reason);
    *ret_report = *freezer_report(freezer);
    if (status != 0 || ret_report->size > 0)
        return status;
    log_line(LOG_ERR, "cannot freeze the application: the import has ended the process");
    return EX_SOFTWARE;
}

int frozen_make(const struct options *options, char **argv, const struct signal_policy *signals)
{
    struct freeze_report report;
    usec_t start = deadline_now();

    notify_disable();
    int status = make_image(options, argv, signals, false, &report);
    if (status != 0)
        return status;
    printf("image        %s: %.1f MB\n", options->freeze, (double)report.size / 1e6);
    printf("memory       %ju pages in %ju mappings of %ju files\n", (uintmax_t)report.pages,
        (uintmax_t)report.mappings, (uintmax_t)report.files);
    printf("depends on   %ju paths\n", (uintmax_t)report.paths);
    printf("time         %.3f s\n", (double)(deadline_now() - start) / USEC_PER_SEC);
    return 0;
}

/* ---- making one beside a request ------------------------------------------------------------ */

enum { MIN_AGE = 60 }; /* seconds, of an image that is replaced */

/* The directory of the image, which must end in a slash. Returns its size in the path. */
static int directory_size(const char *path)
{
    return (int)(strrchr(path, '/') + 1 - path);
}

static struct image_use image_use_of(const struct options *options, char **argv)
{
    Dl_info own = {0};

    dladdr(image_check, &own);
    return (struct image_use){
        .program = own.dli_fname ? own.dli_fname : "",
        .path = options->image,
        .arguments = argv + 1,
        .max_age = options->image_max_age,
    };
}

static bool can_write(const char *path)
{
    _cleanup_(freep) char *directory = strndup(path, (size_t)directory_size(path));

    return directory && faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

/* Whether an image that fits is still the one from which this process could not start, because of
 * what only image_thaw finds out. */
static bool is_useless(const char *path, const struct stat *tried)
{
    struct stat now;

    return tried->st_ino != 0 && stat(path, &now) == 0 && now.st_dev == tried->st_dev &&
        now.st_ino == tried->st_ino && now.st_ctim.tv_sec == tried->st_ctim.tv_sec &&
        now.st_ctim.tv_nsec == tried->st_ctim.tv_nsec;
}

/* If each request changes what the import depends on, such as a database, no image lasts: then one
 * is made only now and then. A time in the future is not young. */
static bool is_young(const char *path)
{
    struct stat status;
    int64_t now = time(NULL);

    return stat(path, &status) == 0 && status.st_mtime <= now && now - status.st_mtime < MIN_AGE;
}

/* Makes an image unless another process does, or just has. The lock is one of the directory,
 * because the file is replaced. It ends with this process. tried: the image that could not be used,
 * or zeros. */
static void make_missing_image(const struct options *options, char **argv,
    const struct signal_policy *signals, const struct stat *tried)
{
    _cleanup_(freep) char *path = strndup(options->image, (size_t)directory_size(options->image));
    _cleanup_(closep) int directory = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    struct image_use use = image_use_of(options, argv);
    struct options freezing = *options;
    struct freeze_report report;
    struct problem problem;

    if (directory < 0 || flock(directory, LOCK_EX | LOCK_NB) < 0)
        return;
    int r = image_check(&use, &problem);
    if (r == IMAGE_STAYS || (r == 0 && !is_useless(options->image, tried)) ||
        is_young(options->image))
        return;
    freezing.freeze = options->image;
    if (make_image(&freezing, argv, signals, true, &report) == 0)
        log_line(LOG_INFO, "wrote the image '%s'", options->image);
}

/* Exits like the process with this status of waitpid(2). */
static _Noreturn void exit_like(int status)
{
    if (WIFSIGNALED(status)) {
        sigset_t signals;
        prctl(PR_SET_DUMPABLE, 0); /* one dump is enough, also if a program takes them */
        signal(WTERMSIG(status), SIG_DFL);
        sigemptyset(&signals); /* others may be pending */
        sigaddset(&signals, WTERMSIG(status));
        sigprocmask(SIG_UNBLOCK, &signals, NULL);
        raise(WTERMSIG(status));
    }
    process_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

/* Waits until the process has ended, and passes signals of a stop on to it: the app may handle
 * them, and an admin may have sent them to this process only. Returns whether there were any. */
static bool wait_for_serving(pid_t serving, int *ret_status)
{
    sigset_t awaited, before;
    bool is_stopped = false;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, &before);
    while (waitpid(serving, ret_status, WNOHANG) == 0) {
        int number = sigwaitinfo(&awaited, NULL);
        if (number != SIGTERM && number != SIGINT)
            continue;
        is_stopped = true;
        kill(serving, number);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return is_stopped;
}

/* In the process that waits for the one that serves. If that has failed, an import would, too. */
static _Noreturn void maker_main(const struct options *options, char **argv,
    const struct signal_policy *signals, const struct stat *tried, pid_t serving)
{
    int status = 0;

    log_flush(); /* not before the fork: no client waits for the journal */
    /* The signals that workers ignore are still blocked, as they are before any import. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
    bool is_stopped = wait_for_serving(serving, &status);
    if (status == 0 && !is_stopped)
        make_missing_image(options, argv, signals, tried);
    exit_like(status);
}

/* If SIGCHLD is ignored, the end of a child sends no signal, and its status is lost. */
static bool ignores_children(void)
{
    struct sigaction action;

    return sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Returns in the process that serves. */
static void fork_maker(const struct options *options, char **argv,
    const struct signal_policy *signals, const struct stat *tried, int connection)
{
    pid_t self = getpid();

    if (!freeze_is_supported() || !can_write(options->image) || ignores_children())
        return;
    pid_t pid = fork();
    if (pid > 0) {
        close(connection);
        maker_main(options, argv, signals, tried, pid);
    }
    if (pid < 0)
        return;
    log_after_fork();
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a signal to the process of the unit is for this one */
    if (getppid() != self)
        raise(SIGTERM);
}

/* ---- starting from an image ----------------------------------------------------------------- */

void frozen_serve(const struct options *options, char **argv, const struct signal_policy *signals,
    int connection, bool may_make)
{
    _cleanup_(freep) struct variables *variables = variables_new();
    struct image_use use = image_use_of(options, argv);
    struct problem problem;
    struct stat tried = {0};
    int r = -1;

    if (stat(options->image, &tried) < 0)
        tried = (struct stat){0};
    if (!variables)
        problem_set(&problem, -1, "out of memory");
    else {
        log_flush(); /* closes the socket, which the image would not know */
        r = image_thaw(&use, connection, variables, variables_size(variables), &problem);
    }
    log_line(LOG_NOTICE, "cannot start from the image '%s', so the application is imported: %s",
        options->image, problem.text);
    if (r != IMAGE_STAYS && may_make)
        fork_maker(options, argv, signals, &tried, connection);
}
