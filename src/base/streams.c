#include "base/streams.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

void streams_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return;
}

/* Whether a read from the descriptor may wait, except at a terminal where a person can answer. */
static bool may_block_reader(int fd)
{
    struct stat status;

    if (isatty(fd))
        return tcgetpgrp(fd) != getpgrp(); /* it fails for the terminal of another session */
    return fstat(fd, &status) < 0 || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
}

void streams_secure_input(void)
{
    if (!may_block_reader(STDIN_FILENO))
        return;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    close(null);
}

void streams_redirect(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    dup2(STDERR_FILENO, STDOUT_FILENO);
}

void streams_detach_terminal(void)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (terminal < 0)
        return;
    if (getsid(0) != getpid()) /* for a session leader it would send SIGHUP */
        ioctl(terminal, TIOCNOTTY);
    close(terminal);
}

bool streams_are_ready(int connection)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct stat of_connection, status;

    if (terminal >= 0)
        close(terminal);
    if (terminal >= 0 || may_block_reader(STDIN_FILENO) || fstat(connection, &of_connection) < 0)
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &status) < 0 ||
            (status.st_dev == of_connection.st_dev && status.st_ino == of_connection.st_ino))
            return false;
    return true;
}

void terminal_remember(struct terminal *ret)
{
    ret->is_one = tcgetattr(STDIN_FILENO, &ret->modes) == 0;
}

void terminal_restore(const struct terminal *terminal)
{
    if (terminal->is_one)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->modes);
}
