#include "frozen.h"

#include "base/cleanup.h"
#include "base/deadline.h"
#include "base/problem.h"
#include "base/streams.h"
#include "image/circumstances.h"
#include "image/dependencies.h"
#include "image/freeze.h"
#include "image/obstacles.h"
#include "image/state.h"
#include "image/survey.h"
#include "image/thaw.h"
#include "log/log.h"
#include "server/import.h"
#include "systemd/notify.h"
#include "worker/exit_info.h"
#include "worker/process_exit.h"
#include "worker/worker.h"
#include "wsgi/python.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>

/* ---- variables that differ with each start -------------------------------------------------- */

/* What a process gives to the image that takes its place. */
struct message {
    int connection;
    uint32_t environment_size;
    char environment[]; /* "NAME=value", each with its terminator: not circumstances_has_variable */
};

/* On the heap, or NULL. */
static struct message *message_new(int connection)
{
    size_t size = 0;

    for (size_t i = 0; environ && environ[i]; i++)
        if (!circumstances_has_variable(environ[i]))
            size += strlen(environ[i]) + 1;
    struct message *message = calloc(1, sizeof(*message) + size);
    if (!message)
        return NULL;
    message->connection = connection;
    for (size_t i = 0; environ && environ[i]; i++) {
        size_t length = strlen(environ[i]) + 1;
        if (circumstances_has_variable(environ[i]))
            continue;
        memcpy(message->environment + message->environment_size, environ[i], length);
        message->environment_size += (uint32_t)length;
    }
    return message;
}

static size_t message_size(const struct message *message)
{
    return sizeof(*message) + message->environment_size;
}

/* The value of the variable that this "NAME=value" is about, or NULL. */
static const char *find_value(const struct message *message, const char *variable)
{
    size_t size = strcspn(variable, "=") + 1;
    const char *end = message->environment + message->environment_size;

    for (const char *at = message->environment; at < end; at += strlen(at) + 1)
        if (strncmp(at, variable, size) == 0)
            return at + size;
    return NULL;
}

/* ---- the process that was frozen ------------------------------------------------------------ */

/* All of this is in the image. */
struct frozen {
    struct worker worker;
    struct freezer *freezer;
    struct survey survey; /* what the import depends on */
    struct image_state state;
    struct message *before; /* the variables that the import has found */
    struct message *now;    /* in a process that was thawed: what it was given */
    pid_t importer;
};

/* Gives a variable the value of the new process, unless the import has changed it. */
static int renew_variable(const struct frozen *frozen, const char *variable)
{
    _cleanup_(freep) char *name = strndup(variable, strcspn(variable, "="));
    const char *old = find_value(frozen->before, variable);
    const char *new = find_value(frozen->now, variable);
    const char *present = name ? getenv(name) : NULL;

    if (!name)
        return -ENOMEM;
    if ((present && old ? strcmp(present, old) == 0 : present == old) &&
        (new ? setenv(name, new, 1) : unsetenv(name)) < 0)
        return -errno;
    return python_renew_variable(name, old, new) < 0 ? -EINVAL : 0;
}

static int renew_variables(const struct frozen *frozen, const struct message *message)
{
    const char *end = message->environment + message->environment_size;
    int r = 0;

    for (const char *at = message->environment; r == 0 && at < end; at += strlen(at) + 1)
        r = renew_variable(frozen, at);
    return r;
}

/* Takes over what image_thaw was given. */
static void take_message(struct frozen *frozen, struct image_message *message)
{
    frozen->now = malloc(message->size);
    if (!frozen->now)
        process_exit(EX_OSERR);
    memcpy(frozen->now, message->data, message->size);
    munmap(message->memory, message->memory_size);
}

/* Before the after-fork hooks, which are the app's and see what they would see in a worker. */
static void begin_thawed(struct frozen *frozen, struct image_message *message)
{
    struct worker *worker = &frozen->worker;

    if (image_state_restore(&frozen->state) < 0)
        process_exit(EX_OSERR);
    take_message(frozen, message);
    int r = renew_variables(frozen, frozen->before);
    if (r == 0)
        r = renew_variables(frozen, frozen->now);
    log_open();
    if (r < 0) {
        log_line(LOG_ERR, "cannot renew the environment: %s", strerror(-r));
        worker->failure = EX_OSERR;
    }
    signals_ignore(worker->signal_policy);
}

/* ---- freezing ------------------------------------------------------------------------------- */

/* In the forked process, and again in each that starts from the image: there it returns. */
static void freeze_process(const void *data)
{
    struct frozen *frozen = *(struct frozen *const *)data;
    void *message = NULL;

    log_after_fork();
    int r = image_freeze(frozen->freezer, frozen->worker.options->freeze, frozen->survey.record,
        frozen->importer, &message);
    if (r <= 0)
        process_exit(r < 0 ? EX_CANTCREAT : 0);
    begin_thawed(frozen, message);
}

/* Returns the exit status. */
static int report_no_image(int status, const struct problem *problem)
{
    log_line(LOG_ERR, "cannot freeze the application: %s", problem->text);
    return status;
}

/* status: of waitpid(2). Returns the exit status. */
static int report_killed(int result, const char *what, int status)
{
    const struct exit_info info = {.status = status};
    char how[128];

    exit_info_describe(&info, how, sizeof(how));
    log_line(LOG_ERR, "cannot freeze the application: %s %s", what, how);
    return result;
}

/* Returns the exit status. */
static int fork_frozen(struct frozen *frozen)
{
    sigset_t all, mask;
    int status = 0;

    frozen->importer = getpid();
    int r = image_state_save(&frozen->state);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    pid_t pid = r == 0 ? python_fork(freeze_process, &frozen) : -1;
    if (pid == 0)
        worker_end(&frozen->worker, worker_serve(&frozen->worker, frozen->now->connection));
    if (pid > 0 && waitpid(pid, &status, 0) < 0)
        pid = -1;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (pid > 0 && status == 0)
        return 0;
    if (pid > 0 && !WIFEXITED(status))
        return report_killed(EX_CANTCREAT, "the process that writes it", status);
    if (pid > 0)
        return report_no_image(EX_CANTCREAT, freezer_problem(frozen->freezer));
    log_line(LOG_ERR, "cannot freeze the application: %m");
    return EX_OSERR;
}

/* In a process of its own, whose system calls are watched. */
static int import_watched(void *data)
{
    const struct frozen *frozen = data;
    struct worker worker = frozen->worker;

    return import_in_template(&worker, NULL);
}

/* Finds out what the import depends on, by imports. Returns the exit status. */
static int survey_import(struct frozen *frozen, char **argv)
{
    struct survey_task task = {
        .import = import_watched,
        .data = frozen,
        .arguments = argv + 1,
        .environment = environ,
        .deadline = DEADLINE_NEVER, /* the parent of this process has one */
    };
    struct problem problem;
    int r = survey_run(&task, &frozen->survey, &problem);

    if (r == SURVEY_IMPORT_FAILED && WIFEXITED(frozen->survey.status))
        return WEXITSTATUS(frozen->survey.status);
    if (r == SURVEY_IMPORT_FAILED)
        return report_killed(EX_SOFTWARE, "the import", frozen->survey.status);
    return r < 0 ? report_no_image(EX_CANTCREAT, &problem) : 0;
}

/* Imports, and looks for what an image cannot hold. Returns the exit status. */
static int import(struct frozen *frozen, char **argv)
{
    _cleanup_(obstacles_done) struct obstacles obstacles = {0};
    struct problem problem;
    int status = survey_import(frozen, argv);

    if (status != 0)
        return status;
    frozen->before = message_new(-1);
    if (!frozen->before || obstacles_init(&obstacles) < 0) {
        log_line(LOG_ERR, "cannot freeze the application: %m");
        return EX_OSERR;
    }
    status = import_in_template(&frozen->worker, NULL);
    if (status != 0)
        return status;
    if (dependencies_check_paths(frozen->survey.record, &problem) != 0 ||
        obstacles_find(&obstacles, NULL, 0, &problem) != 0)
        return report_no_image(EX_CANTCREAT, &problem);
    if (python_renew_variable("_", NULL, NULL) < 0) { /* changes nothing */
        problem_set(&problem, 1, "the import has replaced os.environ");
        return report_no_image(EX_CANTCREAT, &problem);
    }
    return 0;
}

static _Noreturn void import_process_main(const struct options *options, char **argv,
    const struct signal_policy *signals, struct freezer *freezer)
{
    struct options serving = *options;
    struct frozen frozen = {
        .worker = {.options = &serving, .signal_policy = signals},
        .freezer = freezer,
    };

    serving.reload = false; /* sources are not watched */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    log_after_fork();
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0); /* a service has nothing else open */
    streams_redirect();
    int status = import(&frozen, argv);
    process_exit(status == 0 ? fork_frozen(&frozen) : status);
}

/* ---- the process that waits ----------------------------------------------------------------- */

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

/* Waits for the process of the import, and kills what it has left. Returns the exit status. */
static int wait_for_import(pid_t pid, usec_t timeout)
{
    struct exit_info info = {0};
    char how[128];

    if (!has_ended_in_time(pid, timeout))
        log_line(LOG_ERR, "import timed out (--import-timeout)");
    else if (waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0) {
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
    return EX_SOFTWARE;
}

static void print_frozen(
    const struct options *options, const struct freeze_report *report, usec_t time)
{
    printf("image        %s: %.1f MB\n", options->freeze, (double)report->size / 1e6);
    printf("memory       %ju pages in %ju mappings of %ju files\n", (uintmax_t)report->pages,
        (uintmax_t)report->mappings, (uintmax_t)report->files);
    printf("time         %.3f s\n", (double)time / USEC_PER_SEC);
}

int frozen_make(const struct options *options, char **argv, const struct signal_policy *signals)
{
    struct freezer *freezer = freeze_is_supported() ? freezer_new() : NULL;
    usec_t start = deadline_now();

    if (!freezer) {
        log_line(LOG_ERR, "cannot freeze the application: %s",
            freeze_is_supported() ? strerror(errno) : "images need another machine or build");
        return EX_UNAVAILABLE;
    }
    notify_disable();
    pid_t pid = fork();
    if (pid == 0)
        import_process_main(options, argv, signals, freezer);
    if (pid < 0) {
        log_line(LOG_ERR, "cannot freeze the application: %m");
        return EX_OSERR;
    }
    int status = wait_for_import(pid, options->timeouts.import);
    freezer_remove_new(freezer);
    if (status == 0 && freezer_report(freezer)->size == 0) {
        log_line(LOG_ERR, "cannot freeze the application: the import has ended the process");
        return EX_SOFTWARE;
    }
    if (status == 0)
        print_frozen(options, freezer_report(freezer), deadline_now() - start);
    return status;
}

/* ---- the process that is replaced ----------------------------------------------------------- */

void frozen_serve(const struct options *options, char **argv, int connection)
{
    _cleanup_(freep) struct message *message = message_new(connection);
    struct problem problem;

    if (!message)
        problem_set(&problem, -1, "out of memory");
    else {
        log_flush(); /* closes the socket, which the image would not know */
        image_thaw(options->image, argv + 1, message, message_size(message), &problem);
    }
    log_line(LOG_NOTICE, "cannot start from the image '%s', so the application is imported: %s",
        options->image, problem.text);
}
