#include "systemd/activation.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "systemd/journal.h"

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

static bool is_socket_of(const struct activation *activation, int fd)
{
    if (activation->connection >= 0)
        return is_same_file(activation->connection, fd);
    for (size_t i = 0; i < activation->n_listeners; i++)
        if (is_same_file(activation->listeners[i], fd))
            return true;
    return false;
}

/* Opens a stream to the journal, or /dev/null if there is no journal. */
static int open_output(void)
{
    int fd = sd_journal_stream_fd("wsgi-once", LOG_INFO, 1);

    if (fd < 0)
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
    journal_set_stream(fd); /* for the log and the app */
    return fd;
}

static void replace_stream(int fd, int with)
{
    if (with >= 0)
        dup2(with, fd);
}

/* inetd and StandardInput=socket connect all three streams to the client: the output of an app's
 * print() would get into its response. */
static void detach_streams(const struct activation *activation)
{
    bool output = is_socket_of(activation, STDOUT_FILENO),
         error = is_socket_of(activation, STDERR_FILENO);

    if (is_socket_of(activation, STDIN_FILENO)) {
        _cleanup_(closep) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        replace_stream(STDIN_FILENO, null);
    }
    if (output && error) {
        _cleanup_(closep) int journal = open_output();
        replace_stream(STDOUT_FILENO, journal);
        replace_stream(STDERR_FILENO, journal);
    } else if (output)
        replace_stream(STDOUT_FILENO, STDERR_FILENO);
    else if (error)
        replace_stream(STDERR_FILENO, STDOUT_FILENO);
}

/* ---- the kinds of sockets ------------------------------------------------------------------- */

static int socket_option(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* Adds a descriptor as a listener or as the connection. Does not check whether a stream socket that
 * does not listen is still connected: that the client has disconnected already is no error of the
 * unit. */
static int activation_add(
    struct activation *activation, int fd, const char *name, struct problem *ret_problem)
{
    int type = socket_option(fd, SO_TYPE), family = socket_option(fd, SO_DOMAIN);

    if (type < 0)
        return problem_set(ret_problem, EX_CONFIG, "%s is not a socket", name);
    if (type != SOCK_STREAM)
        return problem_set(ret_problem, EX_CONFIG,
            "%s is not a stream socket: use ListenStream= in the socket unit", name);
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
        return problem_set(ret_problem, EX_CONFIG,
            "%s has an unsupported socket family; use AF_UNIX, AF_INET or AF_INET6", name);
    if (socket_option(fd, SO_ACCEPTCONN) == 1)
        activation->listeners[activation->n_listeners++] = fd;
    else if (activation->connection < 0)
        activation->connection = fd;
    else
        return problem_set(ret_problem, EX_CONFIG,
            "several connections were passed: one process serves one connection");
    return 0;
}

static int activation_add_all(struct activation *activation, int count, struct problem *ret_problem)
{
    char name[sizeof("descriptor 2147483647")];

    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        snprintf(name, sizeof(name), "descriptor %d", fd);
        int r = activation_add(activation, fd, name, ret_problem);
        if (r != 0)
            return r;
    }
    if (activation->connection >= 0 && activation->n_listeners > 0)
        return problem_set(ret_problem, EX_CONFIG,
            "a connection and a listening socket were passed: pass one or the other");
    return 0;
}

/* inetd passes the socket as standard input. Duplicates it, so that standard input can be replaced
 * and the app does not see the socket. */
static int add_standard_input(struct activation *activation, struct problem *ret_problem)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

    if (fd < 0)
        return problem_set(ret_problem, EX_OSERR, "cannot duplicate standard input: %m");
    return activation_add(activation, fd, "standard input", ret_problem);
}

/* Sets *ret_problem to why there is no socket, and to what helps. */
static int explain_no_socket(const char *pid, struct problem *ret_problem)
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

/* Takes the connections, or the data, that wait at a socket which cannot be served. No answer is
 * possible there, but as long as something waits, systemd starts this process again and again. */
static void discard_waiting(int fd)
{
    enum { MOST = 4096 }; /* a limit, so that a flood does not keep this process busy */
    bool is_listening = socket_option(fd, SO_ACCEPTCONN) == 1;
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

/* Keeps the listeners that could be served, because their clients can get an answer; one wrong
 * socket prevents all of them from being served. With `discard`, takes what waits at the others. */
static void keep_listeners(struct activation *activation, int count, bool discard)
{
    activation->connection = -1;
    activation->n_listeners = 0;
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        bool is_kept =
            socket_option(fd, SO_ACCEPTCONN) == 1 && activation_add(activation, fd, "", NULL) == 0;
        if (!is_kept && discard)
            discard_waiting(fd);
    }
}

/* Finds the listeners of a wrapper that has started this process instead of executing it: its
 * parent, which LISTEN_PID names. This process has inherited them. The wrapper will not answer the
 * clients that wait there, so this process must. */
static void keep_inherited(struct activation *activation, const char *pid, const char *fds)
{
    enum { MOST = 64 };
    long count = fds ? strtol(fds, NULL, 10) : 0;

    if (!pid || strtol(pid, NULL, 10) != getppid() || count < 1 || count > MOST)
        return;
    free(activation->listeners);
    activation->listeners = calloc((size_t)count, sizeof(int));
    if (activation->listeners)
        keep_listeners(activation, (int)count, false);
}

static char *copy_variable(const char *name)
{
    const char *value = getenv(name);
    return value ? strdup(value) : NULL;
}

static int take_sockets(struct activation *activation, struct problem *ret_problem)
{
    /* sd_listen_fds removes them from the environment. */
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
        int r = activation_add_all(activation, n, ret_problem);
        if (r != 0)
            keep_listeners(activation, n, true);
        return r;
    }
    if (socket_option(STDIN_FILENO, SO_TYPE) >= 0)
        return add_standard_input(activation, ret_problem);
    keep_inherited(activation, pid, fds);
    return explain_no_socket(fds ? pid : NULL, ret_problem);
}

int activation_take(struct activation *ret_activation, struct problem *ret_problem)
{
    struct activation activation = {.connection = -1};
    int r = take_sockets(&activation, ret_problem);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("LISTEN_PIDFDID");
    detach_streams(&activation);
    *ret_activation = activation;
    return r;
}

void activation_done(struct activation *activation)
{
    free(activation->listeners);
    activation->listeners = NULL;
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Accepts a connection from the first listener that has one waiting, starting with number `first`.
 * Returns the connection, -EAGAIN if none waits, or another -errno. */
static int accept_waiting(const struct activation *activation, size_t first)
{
    for (size_t i = 0; i < activation->n_listeners; i++) {
        size_t number = (first % activation->n_listeners + i) % activation->n_listeners;
        int fd = accept4(activation->listeners[number], NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        /* accept(2) recommends treating network errors like EAGAIN. */
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

/* Makes the listeners non-blocking: another process may accept the connection first. */
static int set_nonblocking(const struct activation *activation)
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

/* With EPOLLEXCLUSIVE, a connection wakes one of the processes that wait. That process must call
 * accept, because no other process has been woken. */
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
    int r = set_nonblocking(activation);

    return r < 0 ? r : accept_waiting(activation, 0);
}

bool activation_is_exhaustion(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

int activation_accept(const struct activation *activation, size_t first, int stop, usec_t deadline)
{
    _cleanup_(closep) int epoll = open_epoll(activation, stop);
    int r = epoll < 0 ? epoll : set_nonblocking(activation);

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
