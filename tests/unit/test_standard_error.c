/* Writing to a standard error that is blocked: src/log/standard_error.h. */

/* The result of poll(2) may be outdated at once: another process may use up the space. */
#include <poll.h>
static int lying_poll(struct pollfd *fds, nfds_t count, int timeout);
#define poll lying_poll
#include "log/standard_error.c"
#undef poll

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static bool lies;

static int lying_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return lies ? 1 : poll(fds, count, timeout);
}

static char text[3 * PIPE_BUF];

/* Makes the write end of a pipe or socket standard error. Returns the read end. */
static int replace_standard_error(int ends[2])
{
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static int open_pipe(void)
{
    int ends[2];

    is_stuck = lies = false;
    return pipe(ends) == 0 ? replace_standard_error(ends) : -1;
}

static int open_socket(void)
{
    int ends[2];

    is_stuck = lies = false;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? replace_standard_error(ends) : -1;
}

/* Fills standard error without blocking. */
static void fill(void)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    while (write(STDERR_FILENO, text, sizeof(text)) > 0)
        ;
    while (write(STDERR_FILENO, text, 1) > 0)
        ;
    fcntl(STDERR_FILENO, F_SETFL, flags);
}

/* Writes, and returns how long that takes. */
static usec_t measure(size_t size)
{
    usec_t before = deadline_now();

    errno = ENOANO;
    standard_error_write(text, size);
    unit_same_int("errno", errno, ENOANO);
    return deadline_now() - before;
}

static size_t count_readable(int reader)
{
    char buffer[1 << 16];
    ssize_t n;
    size_t size = 0;

    fcntl(reader, F_SETFL, O_NONBLOCK);
    while ((n = read(reader, buffer, sizeof(buffer))) > 0)
        size += (size_t)n;
    return size;
}

static void test_written(int reader, const char *what)
{
    unit_case("%s with space takes the whole text", what);
    measure(sizeof(text));
    unit_same_number("bytes", count_readable(reader), sizeof(text));
    close(reader);
}

static void test_full(int reader, const char *what)
{
    unit_case("a write waits once for %s that is full", what);
    fill();
    usec_t first = measure(100), second = measure(100);
    unit_ok(
        first >= WRITE_TIMEOUT && first < 20 * WRITE_TIMEOUT, "first: %ju us", (uintmax_t)first);
    unit_ok(second < WRITE_TIMEOUT, "second: %ju us", (uintmax_t)second);
    count_readable(reader);
    measure(100);
    unit_same_number("bytes after there is space again", count_readable(reader), 100);
    fill();
    unit_ok(measure(100) >= WRITE_TIMEOUT, "then the next write waits again");
    close(reader);
}

/* The signal that interrupts the write gets through, and does not kill the process. */
static void test_race(int reader)
{
    sigset_t signals, after;

    unit_case("space that is used up before the write");
    fill();
    sigfillset(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    lies = true;
    unit_ok(measure(100) < 20 * WRITE_TIMEOUT, "the write does not block forever");
    lies = false;
    pthread_sigmask(SIG_UNBLOCK, &signals, &after);
    unit_ok(sigismember(&after, INTERRUPTION_SIGNAL) == 1, "the mask is restored");
    close(reader);
}

static void test_no_reader(int reader)
{
    unit_case("a write does not wait for a pipe without a reader");
    signal(SIGPIPE, SIG_IGN);
    close(reader);
    unit_ok(measure(100) < WRITE_TIMEOUT, "it returns at once");
}

static bool is_sleeping(pid_t pid)
{
    char path[32], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const char *state = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;

    if (file)
        fclose(file);
    return state && strncmp(state, ") S", 3) == 0;
}

/* A reader that reads before the timeout gets the whole text. */
static void test_late_reader(int reader)
{
    unit_case("a pipe that is read late takes the whole text");
    fill();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char buffer[1 << 16];
        while (!is_sleeping(getppid()))
            ;
        _exit(read(reader, buffer, sizeof(buffer)) > 0 ? 0 : 1);
    }
    measure(100);
    waitpid(child, NULL, 0);
    unit_same_number("bytes", count_readable(reader), 100);
    close(reader);
}

int main(void)
{
    memset(text, 'x', sizeof(text));
    test_written(open_pipe(), "a pipe");
    test_written(open_socket(), "a socket");
    test_full(open_pipe(), "a pipe");
    test_full(open_socket(), "a socket");
    test_race(open_pipe());
    test_late_reader(open_pipe());
    test_no_reader(open_pipe());
    return unit_done();
}
