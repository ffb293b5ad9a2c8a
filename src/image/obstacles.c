#include "image/obstacles.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/process_threads.h"
#include "image/descriptors.h"
#include "image/process.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
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

/* The import may have put others in place of the standard streams, but a new process has its own.
 */
static size_t append_streams(char *text, size_t size)
{
    static const char *const names[] = {"standard input", "standard output", "standard error"};
    size_t at = 0;

    for (int fd = 0; fd <= STDERR_FILENO && at < size; fd++) {
        struct stat status = {0};
        if (fstat(fd, &status) == 0)
            at += (size_t)snprintf(text + at, size - at, "%s:%ju.%ju\n", names[fd],
                (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    }
    return at;
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

    at += append_streams(text + at, size - at);
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && at < size; i++)
        at += (size_t)snprintf(
            text + at, size - at, "%s:%ld\n", attributes[i].name, attributes[i].value);
}

/* Returns 0 or a negative errno value. The caller frees the text. */
static int read_text(const char *path, char **ret)
{
    char *text = calloc(1, TEXT_SIZE);
    long size = text ? process_read(path, text, TEXT_SIZE - 1) : -ENOMEM;

    if (size < 0) {
        free(text);
        return (int)size;
    }
    *ret = text;
    return 0;
}

/* Returns 0 or a negative errno value; then obstacles_done is due all the same. */
static int read_attributes(struct obstacles *ret)
{
    int r = read_text("/proc/self/status", &ret->status);

    if (r == 0)
        r = read_text("/proc/self/limits", &ret->limits);
    if (r < 0)
        return r;
    filter_status(ret->status);
    append_attributes(ret->status, TEXT_SIZE);
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
    int r = read_attributes(&now);

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

/* At the next fork. Libraries with a pool of threads, such as OpenBLAS, end them before a fork, and
 * start them again when they need them: these are no obstacle. */
static struct {
    bool are_counted;
    size_t count;
} threads;

static void count_threads_before_fork(void)
{
    if (threads.are_counted)
        threads.count = process_count_threads();
}

/* The handlers of libraries are registered later, and run earlier. */
static int register_fork_handler(void)
{
    return -pthread_atfork(count_threads_before_fork, NULL, NULL);
}

static int find_child(struct problem *ret_problem)
{
    siginfo_t info;

    if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        return 0;
    return problem_set(
        ret_problem, 1, "the import has left a child process: start it when a request needs it");
}

void obstacles_count_threads_at_fork(void)
{
    threads.are_counted = true;
}

int obstacles_find_tasks(struct problem *ret_problem)
{
    threads.are_counted = false;
    if (threads.count != 1)
        return problem_set(ret_problem, 1,
            "the import has left a thread running: start it when a request needs it");
    return find_child(ret_problem);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static bool was_there(const struct obstacles *before, int number)
{
    for (int i = 0; i < before->n_descriptors; i++)
        if (before->descriptors[i] == number)
            return true;
    return false;
}

static int find_descriptor(const struct obstacles *before, struct problem *ret_problem)
{
    int numbers[IMAGE_MAX_DESCRIPTORS], r = 0;
    int n = descriptors_list(numbers, IMAGE_MAX_DESCRIPTORS);
    struct image_descriptor descriptor;
    char path[PATH_MAX];

    if (n < 0)
        return problem_set(ret_problem, 1, "cannot list the open descriptors: %s", strerror(-n));
    for (int i = 0; r == 0 && i < n; i++)
        if (!was_there(before, numbers[i]))
            r = descriptor_describe(numbers[i], &descriptor, path, ret_problem);
    return r;
}

/* ---- entry points --------------------------------------------------------------------------- */

int obstacles_init(struct obstacles *ret)
{
    struct obstacles before = {0};
    const size_t most = sizeof(before.descriptors) / sizeof(before.descriptors[0]);
    int r = read_attributes(&before);

    if (r == 0)
        r = register_fork_handler();
    if (r == 0)
        r = before.n_descriptors = descriptors_list(before.descriptors, most);
    if (r < 0) {
        obstacles_done(&before);
        return r;
    }
    *ret = before;
    return 0;
}

int obstacles_find(const struct obstacles *before, struct problem *ret_problem)
{
    int r = find_child(ret_problem);

    if (r == 0)
        r = find_descriptor(before, ret_problem);
    return r == 0 ? find_changed_attribute(before, ret_problem) : r;
}
