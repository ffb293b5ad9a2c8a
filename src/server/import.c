#include "server/import.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/streams.h"
#include "http/target.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/fork_safety.h"
#include "wsgi/bytecode.h"
#include "wsgi/python.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>

/* Compiling this many modules takes some tens of milliseconds. */
enum { MANY_MODULES = 20 };

/* ---- search path ---------------------------------------------------------------------------- */

static void record_directory(
    struct sources *sources, const char *base, const char *path, size_t size)
{
    char directory[PATH_MAX];

    if (path[0] == '/' || !base)
        snprintf(directory, sizeof(directory), "%.*s", size > 0 ? (int)size : 1, path);
    else
        snprintf(directory, sizeof(directory), "%s/%.*s", base, (int)size, path);
    sources_record_directory(sources, directory);
}

/* Records the directories in which the import looks for modules, even those that do not exist yet.
 * Relative paths refer to --directory, as in the import. */
static void record_search_path(const struct options *options, struct sources *sources)
{
    const char *base = options->directory;
    const char *slash = strrchr(options->application, '/');

    sources_record_directory(sources, base ? base : ".");
    for (size_t i = 0; i < options->python_paths; i++)
        record_directory(sources, base, options->python_path[i], strlen(options->python_path[i]));
    if (slash)
        record_directory(
            sources, base, options->application, (size_t)(slash - options->application));
}

/* ---- import --------------------------------------------------------------------------------- */

/* Starts Python and imports the app. Returns 0, or the exit status after logging why. */
static int import_app(struct worker *worker)
{
    struct problem problem;
    int status = worker_load(worker, &problem);

    if (status != 0)
        log_event(LOG_ERR, MESSAGE_ID_IMPORT_FAILED, NULL, 0, "%s", problem.text);
    return status;
}

/* An app that turns itself into a daemon closes descriptors that it did not open. Returns 0, or the
 * exit status after logging that. */
static int check_descriptors(const struct fork_safety *before)
{
    streams_open();
    if (fork_safety_has_sockets(before))
        return 0;
    log_line(LOG_ERR, "the import closed file descriptors of the server, including its sockets");
    return EX_SOFTWARE;
}

static void check_fork_safety(const struct fork_safety *before)
{
    _cleanup_(freep) char *leftovers = fork_safety_describe(before);

    if (leftovers)
        log_line(LOG_WARNING,
            "the import left behind %s: forked workers do not have such threads, and share such "
            "event loops and connections; consider --import=worker",
            leftovers);
}

/* ---- warm-up -------------------------------------------------------------------------------- */

/* Writes the request for "/path" or "http://host/path". Returns -1 with errno on failure. */
static int write_request(const char *target, char **ret_request)
{
    struct slice host, path;

    if (!target_split_url(slice_of(target), &host, &path)) {
        errno = EINVAL;
        return -1;
    }
    if (!host.data)
        host = SLICE("localhost");
    /* The path extends to the end of the string, so %s prints just the path. */
    return asprintf(ret_request,
        "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: wsgi-once/" VERSION " (warm-up)\r\n\r\n",
        path.data, (int)host.size, host.data);
}

/* The client: reads the whole response, so that the app never waits to send. Returns the status of
 * the response, or 0. Calls only what signal-safety(7) allows, because it was forked from an
 * interpreter that may have threads. */
static int run_client(int fd, const char *request)
{
    char head[12], rest[4096];
    sigset_t all;
    size_t size = 0;
    ssize_t n;

    sigfillset(&all); /* the request ends it, not a signal that is sent to the whole unit */
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return 0;
    while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
        for (ssize_t i = 0; i < n && size < sizeof(head); i++)
            head[size++] = rest[i];
    if (size < sizeof(head))
        return 0;
    return (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
}

/* status: of the client, whose exit status is the class of the response's status. */
static void report_warm_up(const char *target, int status)
{
    int class = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

    if (class < 1 || class > 5)
        log_line(LOG_WARNING, "--warm-up=%s: no answer", target);
    else if (class > 3)
        log_line(LOG_WARNING, "--warm-up=%s: answered with an error (%dxx)", target, class);
}

/* Without --request-timeout and the resource limits: they apply to the whole process, and this one
 * lives on. */
static void serve_warm_up(const struct worker *worker, int fd)
{
    struct options options = *worker->options;

    options.access_log = ACCESS_LOG_NONE; /* no client has sent this request */
    options.proxy_protocol = false;       /* and no proxy passes it on */
    options.timeouts.request = 0;
    options.limits = (struct resource_limits){0};
    struct worker serving = {.options = &options, .gateway = worker->gateway};
    worker_serve(&serving, fd);
}

/* Requests the target of --warm-up. A response that is not a success is logged and has no other
 * effect. */
static void warm_up(const struct worker *worker)
{
    const char *target = worker->options->warm_up;
    _cleanup_(freep) char *request = NULL;
    int pair[2], status = 0;

    if (write_request(target, &request) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        log_line(LOG_WARNING, "--warm-up=%s: %m", target);
        return;
    }
    pid_t client = fork();
    if (client == 0) {
        close(pair[0]);
        _exit(run_client(pair[1], request) / 100);
    }
    close(pair[1]);
    if (client < 0) {
        log_line(LOG_WARNING, "--warm-up=%s: cannot fork: %m", target);
        close(pair[0]);
        return;
    }
    serve_warm_up(worker, pair[0]);
    while (waitpid(client, &status, 0) < 0)
        if (errno != EINTR)
            return; /* the app ignores SIGCHLD */
    report_warm_up(target, status);
}

/* ---- entry points --------------------------------------------------------------------------- */

/* before: the sockets of this process. Returns 0, or the exit status after logging why. */
static int import_to_fork(struct worker *worker, const struct fork_safety *before)
{
    int status = import_app(worker);

    if (status == 0)
        status = check_descriptors(before);
    if (status != 0)
        return status;
    if (worker->options->warm_up) {
        warm_up(worker);
        python_freeze();
    }
    python_flush(); /* or each forked process would write it again */
    fflush(NULL);
    return 0;
}

int import_in_template(struct worker *worker, struct sources *sources)
{
    _cleanup_(fork_safety_done) struct fork_safety before;

    if (sources)
        record_search_path(worker->options, sources);
    fork_safety_init(&before);
    int status = import_to_fork(worker, &before);
    if (status == 0)
        check_fork_safety(&before);
    return status;
}

int import_for_image(struct worker *worker)
{
    _cleanup_(fork_safety_done) struct fork_safety before;

    fork_safety_init(&before);
    return import_to_fork(worker, &before);
}

int import_in_worker(struct worker *worker)
{
    int status = import_app(worker);

    if (status == 0 && worker->options->warm_up)
        warm_up(worker);
    return status;
}

void import_report_bytecode(void)
{
    _cleanup_(bytecode_done) struct bytecode bytecode;

    bytecode_inspect(&bytecode);
    if (bytecode.command && (bytecode.stale > 0 || bytecode.missing >= MANY_MODULES))
        log_line(LOG_WARNING,
            "bytecode is missing for %zu and stale for %zu of %zu modules, which are compiled at "
            "each start; to compile them once, run: %s",
            bytecode.missing, bytecode.stale, bytecode.modules, bytecode.command);
}
