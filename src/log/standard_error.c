#include "log/standard_error.h"

#include "base/deadline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WRITE_TIMEOUT (250 * USEC_PER_MSEC)
/* How often a write that blocks is interrupted. */
#define INTERRUPTION (10 * USEC_PER_MSEC)
/* request_timer.h uses the last two real-time signals. */
#define INTERRUPTION_SIGNAL (SIGRTMAX - 2)

#ifndef sigev_notify_thread_id /* in timer_create(2), but not in older C libraries */
#    define sigev_notify_thread_id _sigev_un._tid
#endif

/* The last write timed out. A server that waited again with each message would do little else. */
static bool is_stuck;

/* ---- one write ------------------------------------------------------------------------------ */

static void on_interruption(int signal)
{
    (void)signal;
}

/* Creates a timer that interrupts this thread, periodically because the first signal may come
 * before the write. Returns 0 or -1. */
static int start_interrupting(timer_t *ret_timer, struct sigaction *ret_previous)
{
    struct sigaction action = {.sa_handler = on_interruption}; /* without SA_RESTART */
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = INTERRUPTION_SIGNAL,
        .sigev_notify_thread_id = gettid(),
    };
    const struct timespec interval = {.tv_nsec = INTERRUPTION * 1000};
    const struct itimerspec when = {.it_interval = interval, .it_value = interval};

    if (sigaction(INTERRUPTION_SIGNAL, &action, ret_previous) < 0 ||
        timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0)
        return -1;
    return timer_settime(*ret_timer, 0, &when, NULL);
}

/* Writes without blocking for long. O_NONBLOCK is no solution: it would also affect the processes
 * that share standard error. Nor is poll(2): another process may use up the space that it saw. */
static ssize_t write_interrupted(const char *text, size_t size)
{
    sigset_t interruption, previous;
    struct sigaction handler;
    timer_t timer;

    sigemptyset(&interruption);
    sigaddset(&interruption, INTERRUPTION_SIGNAL);
    if (start_interrupting(&timer, &handler) < 0)
        return write(STDERR_FILENO, text, size);
    pthread_sigmask(SIG_UNBLOCK, &interruption, &previous);
    ssize_t n = write(STDERR_FILENO, text, size);
    int error = errno;
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    /* Keep our handler instead of SIG_DFL: a late signal would kill the process. */
    if (handler.sa_handler != SIG_DFL)
        sigaction(INTERRUPTION_SIGNAL, &handler, NULL);
    errno = error;
    return n;
}

/* Writes as much as there is space for. Returns -1 with EAGAIN or EINTR if there is none. */
static ssize_t write_some(const char *text, size_t size)
{
    ssize_t n = send(STDERR_FILENO, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write_interrupted(text, size) : n;
}

/* ---- the whole text ------------------------------------------------------------------------- */

static bool wait_for_space(usec_t deadline)
{
    struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
    int n;

    do
        n = poll(&standard_error, 1, deadline_poll_timeout(deadline));
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static void write_all(const char *text, size_t size)
{
    usec_t deadline = deadline_now() + (is_stuck ? 0 : WRITE_TIMEOUT);

    while (size > 0) {
        ssize_t n =
            wait_for_space(deadline) ? write_some(text, size < PIPE_BUF ? size : PIPE_BUF) : 0;
        bool has_to_wait = n == 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
        is_stuck = has_to_wait && deadline_now() >= deadline;
        if (is_stuck || (n < 0 && !has_to_wait))
            return;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
}

void standard_error_write(const char *text, size_t size)
{
    int saved_errno = errno;

    write_all(text, size);
    errno = saved_errno;
}
