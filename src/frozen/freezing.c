#include "frozen/freezing.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/streams.h"
#include "frozen/renew.h"
#include "image/dependencies.h"
#include "image/freeze.h"
#include "image/obstacles.h"
#include "image/recorder.h"
#include "image/state.h"
#include "image/survey.h"
#include "image/thaw.h"
#include "log/log.h"
#include "options/parse.h"
#include "server/import.h"
#include "worker/exit_info.h"
#include "worker/process_exit.h"
#include "worker/signals.h"
#include "worker/worker.h"
#include "wsgi/python.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the process that was frozen ------------------------------------------------------------ */

/* All of this is in the image. */
struct frozen {
    struct worker worker;
    struct freezer *freezer;
    struct survey survey; /* what the import depends on */
    struct image_state state;
    struct variables *before; /* those that the import has found */
    struct variables *now;    /* in a process that was thawed: those that it was given */
    int connection;           /* likewise */
    pid_t importer;
    char **argv;            /* of main() */
    char *const *arguments; /* of the program, without its name */
    bool keeps_refusal;     /* see freezing_main */
    bool *is_imported;      /* shared with the process that is watched */
};

/* Takes over what image_thaw was given. */
static void take_message(struct frozen *frozen, struct image_message *message)
{
    frozen->now = malloc(message->size);
    if (!frozen->now)
        process_exit(EX_OSERR);
    memcpy(frozen->now, message->data, message->size);
    frozen->connection = message->connection;
    munmap(message->memory, message->memory_size);
}

/* Before the after-fork hooks, which are the app's and see what they would see in a worker. */
static void begin_thawed(struct frozen *frozen, struct image_message *message)
{
    struct worker *worker = &frozen->worker;

    if (image_state_restore(&frozen->state) < 0)
        process_exit(EX_OSERR);
    take_message(frozen, message);
    int r = renew_variables(frozen->before, frozen->now);
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

void freezing_write_refusal(const struct options *options, char *const *arguments,
    struct freezer *freezer, struct slice record, const char *reason)
{
    _cleanup_(recorder_done) struct recorder recorder;
    struct problem problem;

    freezer_remove_new(freezer); /* of a process that was killed */
    recorder_init(&recorder, arguments, environ);
    if (record.size > 0 || recorder_finish(&recorder, &record, &problem) == 0)
        freezer_write_refusal(freezer, options->freeze, record, reason);
}

/* Returns the exit status. */
static int report_why_not(const struct frozen *frozen, int result, const struct problem *problem)
{
    log_line(LOG_ERR, "cannot freeze the application: %s", problem->text);
    if (frozen->keeps_refusal)
        freezing_write_refusal(frozen->worker.options, frozen->arguments, frozen->freezer,
            frozen->survey.record, problem->text);
    return result;
}

/* The same may be possible in the next process. Returns the exit status. */
static int report_for_now(const char *reason)
{
    log_line(LOG_ERR, "cannot freeze the application: %s", reason);
    return EX_OSERR;
}

/* Returns the exit status. */
static int report_no_image(const struct frozen *frozen, const struct problem *problem)
{
    return report_why_not(frozen, EX_CANTCREAT, problem);
}

/* status: of waitpid(2). Returns the exit status. */
static int report_killed(const struct frozen *frozen, int result, const char *what, int status)
{
    const struct exit_info info = {.status = status};
    struct problem problem;
    char how[128];

    exit_info_describe(&info, how, sizeof(how));
    problem_set(&problem, 1, "%s %s", what, how);
    return report_why_not(frozen, result, &problem);
}

/* Returns the exit status. */
static int report_process_ended(const struct frozen *frozen)
{
    struct problem problem;

    problem_set(&problem, 1, "the import has ended the process");
    return report_why_not(frozen, EX_SOFTWARE, &problem);
}

/* Returns the exit status. */
static int fork_frozen(struct frozen *frozen)
{
    sigset_t all, mask;
    int status = 0;

    frozen->importer = getpid();
    int r = image_state_save(&frozen->state);
    signal(SIGCHLD, SIG_DFL); /* the image has the import's action, which may lose the status */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    obstacles_count_threads_at_fork();
    pid_t pid = r == 0 ? python_fork(freeze_process, &frozen) : -1;
    if (pid == 0)
        worker_end(&frozen->worker, worker_serve(&frozen->worker, frozen->connection));
    if (pid > 0 && waitpid(pid, &status, 0) < 0)
        pid = -1;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (pid > 0 && status == 0)
        return 0;
    if (pid > 0 && !WIFEXITED(status))
        return report_killed(frozen, EX_CANTCREAT, "the process that writes it", status);
    if (pid > 0)
        return report_no_image(frozen, freezer_problem(frozen->freezer));
    log_line(LOG_ERR, "cannot freeze the application: %m");
    return EX_OSERR;
}

/* What the options become may depend on the database of users. Returns 0 or -1. */
static int parse_again(char **argv, struct options *ret)
{
    enum options_action action;
    int count = 0;

    while (argv[count])
        count++;
    return options_parse(count, argv, ret, &action, NULL) == 0 && options_find_users(ret, NULL) == 0
        ? 0
        : -1;
}

/* Whether --trusted-proxy still names the users that it named when the program started. */
static bool has_users_of_start(const struct frozen *frozen)
{
    _cleanup_(options_done) struct options now = {0};
    const struct trust *then = &frozen->worker.options->trust;

    if (parse_again(frozen->argv, &now) < 0 || now.trust.n_proxies != then->n_proxies)
        return false;
    for (size_t i = 0; i < then->n_proxies; i++)
        if (now.trust.proxies[i].uid != then->proxies[i].uid)
            return false;
    return true;
}

/* In a process of its own, whose system calls are watched. */
static int import_watched(void *data)
{
    _cleanup_(options_done) struct options options = {0};
    const struct frozen *frozen = data;
    struct worker worker = frozen->worker;

    parse_again(frozen->argv, &options);
    int status = import_for_image(&worker);

    *frozen->is_imported = true; /* otherwise it has ended the process */
    return status;
}

/* Finds out what the import depends on, by imports. Returns the exit status. */
static int run_survey(struct frozen *frozen)
{
    struct survey_task task = {
        .import = import_watched,
        .data = frozen,
        .arguments = frozen->arguments,
        .environment = environ,
        .deadline = DEADLINE_NEVER, /* the parent of this process has one */
    };
    struct problem problem;
    int r = survey_run(&task, &frozen->survey, &problem);

    if (r == 0 && !*frozen->is_imported)
        return report_process_ended(frozen);
    if (r == SURVEY_IMPORT_FAILED && WIFEXITED(frozen->survey.status))
        return WEXITSTATUS(frozen->survey.status);
    if (r == SURVEY_IMPORT_FAILED)
        return report_killed(frozen, EX_SOFTWARE, "the import", frozen->survey.status);
    return r < 0 ? report_no_image(frozen, &problem) : 0;
}

/* Returns the exit status. Shared memory must not be left: an image cannot hold it. */
static int survey_import(struct frozen *frozen)
{
    const size_t size = sizeof(*frozen->is_imported);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        log_line(LOG_ERR, "cannot freeze the application: %m");
        return EX_OSERR;
    }
    frozen->is_imported = memory;
    int status = run_survey(frozen);
    munmap(memory, size);
    frozen->is_imported = NULL;
    return status;
}

/* Imports, and looks for what an image cannot hold. Returns the exit status. */
static int import(struct frozen *frozen)
{
    _cleanup_(obstacles_done) struct obstacles obstacles = {0};
    struct problem problem;

    /* A library that was replaced since this program started is no property of the app. */
    if (freezer_check_memory(frozen->freezer, &problem) != 0)
        return report_for_now(problem.text);
    int status = survey_import(frozen);
    if (status != 0)
        return status;
    frozen->before = variables_new();
    int r = frozen->before ? obstacles_init(&obstacles) : -ENOMEM;
    if (r < 0)
        return report_for_now(strerror(-r));
    status = import_for_image(&frozen->worker);
    if (status != 0)
        return status;
    log_flush(); /* closes the socket of a message, which the import has not left */
    if (!has_users_of_start(frozen))
        return report_for_now("the users of --trusted-proxy have changed");
    if (dependencies_check_paths(frozen->survey.record, &problem) != 0 ||
        obstacles_find(&obstacles, &problem) != 0)
        return report_no_image(frozen, &problem);
    if (python_renew_variable("_", NULL, NULL) < 0) { /* changes nothing */
        problem_set(&problem, 1, "the import has replaced os.environ");
        return report_no_image(frozen, &problem);
    }
    return 0;
}

void freezing_main(const struct options *options, char **argv, const struct signal_policy *signals,
    struct freezer *freezer, bool keep_refusal)
{
    struct options serving = *options;
    struct frozen frozen = {
        .worker = {.options = &serving, .signal_policy = signals},
        .freezer = freezer,
        .argv = argv,
        .arguments = argv + 1,
        .keeps_refusal = keep_refusal,
    };

    serving.reload = false; /* sources are not watched */
    setpgid(0, 0);
    log_after_fork();
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0); /* a service has nothing else open */
    streams_redirect();
    int status = import(&frozen);
    process_exit(status == 0 ? fork_frozen(&frozen) : status);
}
