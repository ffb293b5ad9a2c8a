#include "server/warm_up.h"

#include "base/cleanup.h"
#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Writes the request for "/path" or "http://host/path". Returns -1 if out of memory. */
static int write_request(const char *target, char **ret_request)
{
    static const char scheme[] = "http://";
    const char *host = "localhost", *path = target;
    int host_size = (int)strlen(host);

    if (strncmp(target, scheme, sizeof(scheme) - 1) == 0) {
        host = target + sizeof(scheme) - 1;
        path = strchr(host, '/');
        host_size = (int)(path - host);
    }
    return asprintf(ret_request,
        "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: wsgi-once/" VERSION " (warm-up)\r\n\r\n",
        path, host_size, host);
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

    sigfillset(&all); /* it ends with the request, not by a signal to the unit */
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

/* Without deadlines and limits, which apply to the whole process: this one lives on. */
static void serve_warm_up(const struct worker *worker, int fd)
{
    struct options options = *worker->options;
    struct worker serving = {.options = &options, .gateway = worker->gateway};

    options.access_log = ACCESS_LOG_NONE; /* no client has sent this request */
    options.proxy_protocol = false;       /* and no proxy passes it on */
    options.request_timeout = 0;
    options.limit_cpu = options.limit_memory = options.limit_files = options.limit_processes = 0;
    worker_serve(&serving, fd);
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
