#include "worker/exit_info.h"

#include "base/cleanup.h"
#include "base/printable.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* proc(5), "flags" of /proc/PID/stat: include/linux/sched.h. acct(5) tells the second as AFORK. */
#define PF_EXITING 0x00000004ul
#define PF_FORKNOEXEC 0x00000040ul
/* From the name: state, ppid, pgrp, session, tty_nr, tpgid, flags. */
enum { FIELDS_TO_FLAGS = 7 };

static bool read_stat(pid_t pid, char *buffer, size_t size)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buffer, size - 1);
    buffer[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void copy_name(const char *begin, const char *end, char *name, size_t size)
{
    size_t length = (size_t)(end - begin) < size ? (size_t)(end - begin) : size - 1;

    memcpy(name, begin, length);
    name[length] = '\0';
    printable_replace(name, PRINTABLE_WORD, '?');
}

/* The kernel remembers of each process whether it has called execve(2) since its fork. Nothing that
 * the process had in memory or open could tell that: it would be gone after other ends, too. */
void exit_info_find_program(pid_t pid, struct exit_info *ending)
{
    char stat[512];

    if (!read_stat(pid, stat, sizeof(stat)))
        return;
    /* The name may hold anything, parentheses too; nothing after it does. */
    const char *begin = strchr(stat, '('), *end = strrchr(stat, ')'), *field = end;
    for (int i = 0; field && i < FIELDS_TO_FLAGS; i++)
        field = strchr(field + 1, ' ');
    if (!begin || !field)
        return;
    unsigned long flags = strtoul(field + 1, NULL, 10);
    /* A process that has ended is exiting: without that, these are not Linux's flags. */
    if ((flags & PF_EXITING) && !(flags & PF_FORKNOEXEC))
        copy_name(begin + 1, end, ending->program, sizeof(ending->program));
}

bool exit_info_is_reported(const struct exit_info *ending)
{
    int status = WEXITSTATUS(ending->status);

    return WIFEXITED(ending->status) && ending->program[0] == '\0' &&
        (status == EX_SOFTWARE || status == EX_OSERR || status == EX_CONFIG);
}

void exit_info_describe(const struct exit_info *ending, char *buffer, size_t size)
{
    int status = ending->status;
    int n = 0;

    if (ending->program[0])
        n = snprintf(buffer, size, "became the program '%s' (exec), which ", ending->program);
    if (n < 0 || (size_t)n >= size)
        return;
    buffer += n;
    size -= (size_t)n;
    if (WIFSIGNALED(status))
        snprintf(buffer, size, "was killed by signal %d (%s%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(buffer, size, "exited with status %d", WEXITSTATUS(status));
}
