#include "image/obstacles.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/process_threads.h"
#include "image/process.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_SIZE = 16384 };

/* ---- attributes ----------------------------------------------------------------------------- */

/* The lines of /proc/self/status that an import can change, and that a new process would not have.
 */
static bool is_attribute(const char *line)
{
    static const char *const names[] = {"Name:", "Uid:", "Gid:", "Groups:", "NoNewPrivs:",
        "Seccomp:", "Seccomp_filters:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
        "Cpus_allowed:", "Mems_allowed:", "THP_enabled:", "Speculation_Store_Bypass:"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(line, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* Keeps the lines that are attributes. */
static void filter_status(char *text)
{
    char *to = text;

    for (char *line = text, *next; *line; line = next) {
        size_t size = strcspn(line, "\n");
        next = line + size + (line[size] == '\n');
        if (!is_attribute(line))
            continue;
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = '\0';
}

/* What fork(2) keeps and /proc/self/status does not have, in the same form. -1: not of this kernel.
 */
static void append_attributes(char *text, size_t size)
{
    const struct {
        const char *name;
        long value;
    } attributes[] = {
        {"nice value", getpriority(PRIO_PROCESS, 0)},
        {"scheduling policy", sched_getscheduler(0)},
        {"I/O priority", syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0)},
        {"personality", personality(0xffffffff)},
        {"dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)},
        {"timer slack", prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)},
        {"keep caps", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0)},
        {"secure bits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)},
        {"set of registered barriers", syscall(SYS_membarrier, 512 /* GET_REGISTRATIONS */, 0, 0)},
        {"memory-deny-write-execute", prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0)},
    };
    size_t at = strlen(text);

    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && at < size; i++)
        at += (size_t)snprintf(
            text + at, size - at, "%s:%ld\n", attributes[i].name, attributes[i].value);
}

static char *read_text(const char *path)
{
    char *text = calloc(1, TEXT_SIZE);
    long size = text ? process_read(path, text, TEXT_SIZE - 1) : -ENOMEM;

    if (size >= 0)
        return text;
    free(text);
    errno = (int)-size;
    return NULL;
}

int obstacles_init(struct obstacles *ret)
{
    struct obstacles before = {read_text("/proc/self/status"), read_text("/proc/self/limits")};
    int error = errno;

    if (!before.status || !before.limits) {
        obstacles_done(&before);
        return -error;
    }
    filter_status(before.status);
    append_attributes(before.status, TEXT_SIZE);
    *ret = before;
    return 0;
}

void obstacles_done(struct obstacles *before)
{
    free(before->status);
    free(before->limits);
    *before = (struct obstacles){0};
}

static int find_changed_attribute(const struct obstacles *before, struct problem *ret_problem)
{
    _cleanup_(obstacles_done) struct obstacles now = {0};
    int r = obstacles_init(&now);

    if (r < 0)
        return problem_set(ret_problem, 1, "cannot read /proc/self/status: %s", strerror(-r));
    if (strcmp(before->limits, now.limits) != 0)
        return problem_set(ret_problem, 1,
            "the import has changed a resource limit: set it with an option or in the unit");
    for (const char *a = before->status, *b = now.status; *a || *b;) {
        size_t size = strcspn(b, "\n"), name = strcspn(b, ":");
        if (strncmp(a, b, size + 1) != 0)
            return problem_set(ret_problem, 1,
                "the import has changed an attribute of the process (%.*s)", (int)name, b);
        a += size + 1;
        b += size + 1;
    }
    return 0;
}

/* ---- threads and processes ------------------------------------------------------------------ */

static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

int obstacles_find_tasks(struct problem *ret_problem)
{
    if (process_count_threads() != 1)
        return problem_set(ret_problem, 1,
            "the import has left a thread running: start it when a request needs it");
    if (has_children())
        return problem_set(ret_problem, 1,
            "the import has left a child process: start it when a request needs it");
    return 0;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static const char *describe_kind(mode_t mode, const char *target)
{
    if (S_ISSOCK(mode))
        return "a socket";
    if (S_ISFIFO(mode))
        return "a pipe";
    if (S_ISREG(mode))
        return strstr(target, " (deleted)") ? "a deleted file" : "a file";
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISCHR(mode) || S_ISBLK(mode))
        return "a device";
    return "a descriptor";
}

static int describe_descriptor(int fd, struct problem *ret_problem)
{
    char path[64], target[PATH_MAX] = "";
    struct stat status = {0};

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof(target) - 1) < 0 || fstat(fd, &status) < 0)
        return 0; /* it has just been closed */
    return problem_set(ret_problem, 1,
        "the import has left %s open (descriptor %d, %s): open it when a request needs it",
        describe_kind(status.st_mode, target), fd, target);
}

static bool is_kept(int fd, const int *keep, size_t n_keep)
{
    for (size_t i = 0; i < n_keep; i++)
        if (keep[i] == fd)
            return true;
    return fd <= STDERR_FILENO;
}

int obstacles_find_descriptors(const int *keep, size_t n_keep, struct problem *ret_problem)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int r = 0;

    if (!directory)
        return problem_set(ret_problem, 1, "cannot read /proc/self/fd: %m");
    while (r == 0 && (entry = readdir(directory))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && fd != dirfd(directory) && !is_kept(fd, keep, n_keep))
            r = describe_descriptor(fd, ret_problem);
    }
    closedir(directory);
    return r;
}

int obstacles_find(
    const struct obstacles *before, const int *keep, size_t n_keep, struct problem *ret_problem)
{
    int r = obstacles_find_tasks(ret_problem);

    if (r == 0)
        r = obstacles_find_descriptors(keep, n_keep, ret_problem);
    return r == 0 ? find_changed_attribute(before, ret_problem) : r;
}
