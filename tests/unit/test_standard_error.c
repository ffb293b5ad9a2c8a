/* Writing to a standard error that takes nothing: src/log/standard_error.h. */

/* What poll(2) says is true for a moment only: another process may take the room. */
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

/* Makes the writing end standard error. Returns the reading end. */
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

/* Fills it up without waiting. */
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

/* How long it takes to write. */
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
    unit_case("%s with room takes all of it", what);
    measure(sizeof(text));
    unit_same_number("bytes", count_readable(reader), sizeof(text));
    close(reader);
}

static void test_full(int reader, const char *what)
{
    unit_case("%s that is full is waited for, once", what);
    fill();
    usec_t first = measure(100), second = measure(100);
    unit_ok(
        first >= WRITE_TIMEOUT && first < 20 * WRITE_TIMEOUT, "first: %ju us", (uintmax_t)first);
    unit_ok(second < WRITE_TIMEOUT, "second: %ju us", (uintmax_t)second);
    count_readable(reader);
    measure(100);
    unit_same_number("what it takes once there is room", count_readable(reader), 100);
    fill();
    unit_ok(measure(100) >= WRITE_TIMEOUT, "then it is waited for again");
    close(reader);
}

/* The signal that interrupts the write is neither blocked nor left to be the end of the process. */
static void test_race(int reader)
{
    sigset_t signals, after;

    unit_case("room that is gone at the moment of the write");
    fill();
    sigfillset(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    lies = true;
    unit_ok(measure(100) < 20 * WRITE_TIMEOUT, "the write does not wait for ever");
    lies = false;
    pthread_sigmask(SIG_UNBLOCK, &signals, &after);
    unit_ok(sigismember(&after, INTERRUPTION_SIGNAL) == 1, "the mask is as it was");
    close(reader);
}

static void test_nobody(int reader)
{
    unit_case("a pipe that nobody can read is not waited for");
    signal(SIGPIPE, SIG_IGN);
    close(reader);
    unit_ok(measure(100) < WRITE_TIMEOUT, "at once");
}

static bool sleeps(pid_t pid)
{
    char path[32], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const char *state = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;

    if (file)
        fclose(file);
    return state && strncmp(state, ") S", 3) == 0;
}

/* A reader that comes within the time gets all of it. */
static void test_late_reader(int reader)
{
    unit_case("a pipe that is read late takes all of it");
    fill();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char buffer[1 << 16];
        while (!sleeps(getppid()))
            ;
        _exit(read(reader, buffer, sizeof(buffer)) > 0 ? 0 : 1);
    }
    measure(100);
    waitpid(child, NULL, 0);
    unit_same_number("what is there at last", count_readable(reader), 100);
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
    test_nobody(open_pipe());
    return unit_done();
}
