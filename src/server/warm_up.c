#include "server/warm_up.h"

#include "base/cleanup.h"
#include "http/target.h"
#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Writes the request for "/path" or "http://host/path". Returns -1 with errno on failure. */
static int write_request(const char *text, char **ret_request)
{
    struct target target = {0};

    if (target_parse(SLICE("GET"), slice_of(text), &target)) {
        errno = EINVAL;
        return -1;
    }
    struct slice host = target.authority.data ? target.authority : SLICE("localhost");
    return asprintf(ret_request,
        "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: wsgi-once/" VERSION " (warm-up)\r\n\r\n",
        target.path.data, (int)host.size, host.data);
}

/* The client: takes the whole answer, so that no app waits for that. Returns its status, or 0. Only
 * what signal-safety(7) allows: it was forked off an interpreter that may have threads. */
static int play_client(int fd, const char *request)
{
    char head[12], rest[4096];
    sigset_t all;
    size_t size = 0;
    ssize_t n;

    sigfillset(&all); /* it ends when the request does, whatever the unit gets */
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

/* What an exit status has room for: the status class. */
static void report(const char *target, int status)
{
    int class = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

    if (class < 1 || class > 5)
        log_line(LOG_WARNING, "--warm-up=%s: no answer", target);
    else if (class > 3)
        log_line(LOG_WARNING, "--warm-up=%s: answered with an error (%dxx)", target, class);
}

static void serve_to(const struct worker *worker, int fd)
{
    /* Deadlines and limits are for the process of a request. */
    struct options options = *worker->options;
    struct worker rehearsal = {.options = &options, .gateway = worker->gateway};

    options.access_log = ACCESS_LOG_NONE; /* it is nobody's request */
    options.proxy_protocol = false;       /* and comes from no proxy */
    options.request_timeout = 0;
    options.limit_cpu = options.limit_memory = options.limit_files = options.limit_processes = 0;
    worker_serve(&rehearsal, fd);
}

void warm_up(const struct worker *worker)
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
        _exit(play_client(pair[1], request) / 100);
    }
    close(pair[1]);
    if (client < 0) {
        log_line(LOG_WARNING, "--warm-up=%s: cannot fork: %m", target);
        close(pair[0]);
        return;
    }
    serve_to(worker, pair[0]);
    while (waitpid(client, &status, 0) < 0)
        if (errno != EINTR)
            return; /* the app has had SIGCHLD ignored */
    report(target, status);
}
