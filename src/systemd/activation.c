#include "systemd/activation.h"

#include "base/cleanup.h"
#include "base/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* ---- standard streams ----------------------------------------------------------------------- */

static bool is_same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_ours(const struct activation *activation, int fd)
{
    if (activation->connection >= 0)
        return is_same_file(activation->connection, fd);
    for (size_t i = 0; i < activation->n_listeners; i++)
        if (is_same_file(activation->listeners[i], fd))
            return true;
    return false;
}

/* What systemd does for a stream that it has connected (systemd.exec(5)), so that the log and the
 * app find the journal. */
static void tell_journal_stream(int fd)
{
    char stream[64];
    struct stat status;

    if (fstat(fd, &status) < 0)
        return;
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
}

/* Where messages can go when no standard stream is left: the journal, or nowhere. */
static int open_log(void)
{
    int fd = sd_journal_stream_fd("wsgi-once", LOG_INFO, 1);

    if (fd < 0)
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
    tell_journal_stream(fd);
    return fd;
}

static void replace(int fd, int with)
{
    if (with >= 0)
        dup2(with, fd);
}

/* inetd and StandardInput=socket make all three streams the connection: an app's print() would
 * land in the middle of its answer. */
static void part_streams(const struct activation *activation)
{
    bool output = is_ours(activation, STDOUT_FILENO), error = is_ours(activation, STDERR_FILENO);

    if (is_ours(activation, STDIN_FILENO)) {
        _cleanup_(closep) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        replace(STDIN_FILENO, null);
    }
    if (output && error) {
        _cleanup_(closep) int log = open_log();
        replace(STDOUT_FILENO, log);
        replace(STDERR_FILENO, log);
    } else if (output)
        replace(STDOUT_FILENO, STDERR_FILENO);
    else if (error)
        replace(STDERR_FILENO, STDOUT_FILENO);
}

/* ---- what the descriptors are --------------------------------------------------------------- */

static int get_int(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* Adds one descriptor, as a listener or as the connection. That a stream which does not listen is
 * still connected is not asked: a client may have left already, and that is no fault of the unit.
 */
static int add(struct activation *activation, int fd, const char *name, char **ret_problem)
{
    int type = get_int(fd, SO_TYPE), family = get_int(fd, SO_DOMAIN);

    if (type < 0)
        return problem_set(ret_problem, EX_CONFIG, "%s is not a socket", name);
    if (type != SOCK_STREAM)
        return problem_set(ret_problem, EX_CONFIG,
            "%s is not a stream socket: use ListenStream= in the socket unit", name);
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
        return problem_set(ret_problem, EX_CONFIG,
            "%s has an unsupported socket family; use AF_UNIX, AF_INET or AF_INET6", name);
    if (get_int(fd, SO_ACCEPTCONN) == 1)
        activation->listeners[activation->n_listeners++] = fd;
    else if (activation->connection < 0)
        activation->connection = fd;
    else
        return problem_set(ret_problem, EX_CONFIG,
            "several connections were passed: one process serves one connection");
    return 0;
}

static int add_all(struct activation *activation, int count, char **ret_problem)
{
    char name[sizeof("descriptor 2147483647")];

    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        snprintf(name, sizeof(name), "descriptor %d", fd);
        int r = add(activation, fd, name, ret_problem);
        if (r != 0)
            return r;
    }
    if (activation->connection >= 0 && activation->n_listeners > 0)
        return problem_set(ret_problem, EX_CONFIG,
            "a connection and a listening socket were passed: pass one or the other");
    return 0;
}

/* inetd's way: the socket is standard input. It moves up, out of the app's sight. */
static int add_standard_input(struct activation *activation, char **ret_problem)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

    if (fd < 0)
        return problem_set(ret_problem, EX_OSERR, "cannot duplicate standard input: %m");
    return add(activation, fd, "standard input", ret_problem);
}

/* Why there is nothing to serve, and what would help. */
static int explain_no_socket(const char *pid, char **ret_problem)
{
    if (pid)
        return problem_set(ret_problem, EX_NOINPUT,
            "the sockets in LISTEN_FDS are for process %s, but this is process %ld: run wsgi-once "
            "itself in ExecStart=, or let the wrapper exec it",
            pid, (long)getpid());
    return problem_set(ret_problem, EX_NOINPUT,
        "no socket was passed: start wsgi-once from a systemd socket unit, inetd, or "
        "systemd-socket-activate(1), for example: systemd-socket-activate -l 8000 wsgi-once ...");
}

/* As long as something waits at a socket, systemd starts this process again and again. At a socket
 * that cannot be served nobody can be told why; what waits there is taken away. */
static void discard_waiting(int fd)
{
    enum { MOST = 4096 }; /* a flood is not to keep this process */
    bool is_listening = get_int(fd, SO_ACCEPTCONN) == 1;
    char scratch[4096];
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return;
    for (int i = 0; i < MOST; i++) {
        _cleanup_(closep) int client = is_listening ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (is_listening ? client < 0 : read(fd, scratch, sizeof(scratch)) <= 0)
            return;
    }
}

/* One wrong socket keeps all of them from being served, but whoever waits at a right one can be
 * told. others: what to do with the wrong ones. */
static void keep_listeners(struct activation *activation, int count, void (*others)(int fd))
{
    activation->connection = -1;
    activation->n_listeners = 0;
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        _cleanup_(freep) char *problem = NULL;
        if (get_int(fd, SO_ACCEPTCONN) != 1 || add(activation, fd, "", &problem) != 0)
            others(fd);
    }
}

static void leave_alone(int fd)
{
    (void)fd;
}

/* A wrapper that has started this process instead of becoming it keeps nobody from waiting at the
 * sockets, which this process has from it, and will not answer, either. */
static void keep_wrapped(struct activation *activation, const char *pid, const char *fds)
{
    enum { MOST = 64 };
    long count = fds ? strtol(fds, NULL, 10) : 0;

    if (!pid || strtol(pid, NULL, 10) != getppid() || count < 1 || count > MOST)
        return;
    free(activation->listeners);
    activation->listeners = calloc((size_t)count, sizeof(int));
    if (activation->listeners)
        keep_listeners(activation, (int)count, leave_alone);
}

static char *copy_variable(const char *name)
{
    const char *value = getenv(name);
    return value ? strdup(value) : NULL;
}

static int take_sockets(struct activation *activation, char **ret_problem)
{
    /* sd_listen_fds clears them. */
    _cleanup_(freep) char *fds = copy_variable("LISTEN_FDS"), *pid = copy_variable("LISTEN_PID");
    int n = sd_listen_fds(1);

    if (n < 0)
        return problem_set(ret_problem, EX_CONFIG,
            "cannot take the sockets of LISTEN_PID=%s and LISTEN_FDS=%s: %s", pid ? pid : "",
            fds ? fds : "", strerror(-n));
    activation->listeners = calloc((size_t)n + 1, sizeof(int));
    if (!activation->listeners)
        return problem_set(ret_problem, EX_OSERR, "out of memory");
    if (n > 0) {
        int r = add_all(activation, n, ret_problem);
        if (r != 0)
            keep_listeners(activation, n, discard_waiting);
        return r;
    }
    if (get_int(STDIN_FILENO, SO_TYPE) >= 0)
        return add_standard_input(activation, ret_problem);
    keep_wrapped(activation, pid, fds);
    return explain_no_socket(fds ? pid : NULL, ret_problem);
}

int activation_take(struct activation *ret_activation, char **ret_problem)
{
    struct activation activation = {.connection = -1};
    int r = take_sockets(&activation, ret_problem);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("LISTEN_PIDFDID");
    part_streams(&activation);
    *ret_activation = activation;
    return r;
}

void activation_done(struct activation *activation)
{
    free(activation->listeners);
    activation->listeners = NULL;
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Takes a connection that waits, from the first listener that has one, beginning with number
 * `first`: -EAGAIN when none has. */
static int accept_waiting(const struct activation *activation, size_t first)
{
    for (size_t i = 0; i < activation->n_listeners; i++) {
        size_t number = (first % activation->n_listeners + i) % activation->n_listeners;
        int fd = accept4(activation->listeners[number], NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        /* accept(2): errors of the network are to be treated like "none is there". */
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EBADF:
        case EINVAL: return -errno;
        }
    }
    return -EAGAIN;
}

/* Another process may be faster: accept must not wait then. */
static int let_accept_not_wait(const struct activation *activation)
{
    for (size_t i = 0; i < activation->n_listeners; i++) {
        int flags = fcntl(activation->listeners[i], F_GETFL);
        if (flags < 0 || fcntl(activation->listeners[i], F_SETFL, flags | O_NONBLOCK) < 0)
            return -errno;
    }
    return 0;
}

static int add_to_epoll(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* EPOLLEXCLUSIVE: a connection wakes one of the processes that wait. One that was woken has to try
 * accept, because no other one was. */
static int open_epoll(const struct activation *activation, int stop)
{
    _cleanup_(closep) int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || (stop >= 0 && add_to_epoll(epoll, stop, EPOLLIN) < 0))
        return -errno;
    for (size_t i = 0; i < activation->n_listeners; i++)
        if (add_to_epoll(epoll, activation->listeners[i], EPOLLIN | EPOLLEXCLUSIVE) < 0)
            return -errno;
    return take_fd(&epoll);
}

int activation_accept_waiting(const struct activation *activation)
{
    int r = let_accept_not_wait(activation);

    return r < 0 ? r : accept_waiting(activation, 0);
}

bool activation_is_exhaustion(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

int activation_accept(const struct activation *activation, size_t first, int stop, usec_t deadline)
{
    _cleanup_(closep) int epoll = open_epoll(activation, stop);
    int r = epoll < 0 ? epoll : let_accept_not_wait(activation);

    while (r == 0) {
        struct epoll_event event;
        int n = epoll_wait(epoll, &event, 1, deadline_poll_timeout(deadline));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ETIMEDOUT;
        int fd = n > 0 ? accept_waiting(activation, first) : -EAGAIN;
        if (fd != -EAGAIN)
            return fd;
        r = n > 0 && event.data.fd == stop ? -ECANCELED : 0;
    }
    return r;
}

bool activation_has_client(const struct activation *activation)
{
    for (size_t i = 0; i < activation->n_listeners; i++) {
        struct pollfd listener = {.fd = activation->listeners[i], .events = POLLIN};
        if (poll(&listener, 1, 0) > 0)
            return true;
    }
    return false;
}

void activation_close(const struct activation *activation)
{
    for (size_t i = 0; i < activation->n_listeners; i++)
        close(activation->listeners[i]);
}
