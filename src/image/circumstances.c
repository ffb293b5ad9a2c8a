#include "image/circumstances.h"

#include "image/processor.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- variables and options ------------------------------------------------------------------ */

/* Names, or beginnings of names that end with "*". */
static const char volatile_variables[][32] = {
    "LISTEN_*",                                /* sd_listen_fds(3) */
    "REMOTE_ADDR", "REMOTE_PORT", "SO_COOKIE", /* of the connection, with Accept=yes */
    "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "FDSTORE", "MAINPID", "MAINPIDFDID",
    "MANAGERPID", "MANAGERPIDFDID", "SYSTEMD_EXEC_PID", "WATCHDOG_*", "CREDENTIALS_DIRECTORY",
    "MEMORY_PRESSURE_*",      /* contain the name of the unit */
    "TRIGGER_*", "MONITOR_*", /* what started this unit */
    "_",                      /* the shell's name of the program that it started */
};

static bool name_matches(const char *variable, const char *pattern)
{
    size_t size = strlen(pattern);

    if (pattern[size - 1] == '*')
        return strncmp(variable, pattern, size - 1) == 0;
    return strncmp(variable, pattern, size) == 0 && variable[size] == '=';
}

bool circumstances_has_variable(const char *variable)
{
    for (size_t i = 0; i < sizeof(volatile_variables) / sizeof(volatile_variables[0]); i++)
        if (name_matches(variable, volatile_variables[i]))
            return false;
    return true;
}

/* How many arguments to skip at this one: 2 if its value is the next one, 0 if it counts. */
static size_t count_skipped(const char *argument)
{
    static const char names[][16] = {"--image", "--freeze", "--image-max-age"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t size = strlen(names[i]);
        if (strncmp(argument, names[i], size) == 0 && argument[size] == '=')
            return 1;
        if (strcmp(argument, names[i]) == 0)
            return 2;
    }
    return 0;
}

const char *circumstances_next_option(char *const **arguments)
{
    size_t skipped;

    for (; **arguments && (skipped = count_skipped(**arguments)) > 0; (*arguments)++)
        if (skipped == 2 && (*arguments)[1])
            (*arguments)++;
    return **arguments ? *(*arguments)++ : NULL;
}

/* ---- facts ---------------------------------------------------------------------------------- */

#define UNKNOWN "?"

static void get_working_directory(char *ret, size_t size)
{
    if (!getcwd(ret, size) || ret[0] != '/')
        snprintf(ret, size, UNKNOWN);
}

/* 0 if they cannot be found out, which no kernel refuses. */
static uint64_t get_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    syscall(SYS_capget, &head, data);
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* Groups and capabilities decide what access(2) answers. The order of groups is the kernel's, which
 * sorts them. */
static void get_user(char *ret, size_t size)
{
    gid_t groups[256];
    int count = getgroups(sizeof(groups) / sizeof(groups[0]), groups);
    size_t at = (size_t)snprintf(ret, size, "%u:%u %u:%u %jx", getuid(), geteuid(), getgid(),
        getegid(), (uintmax_t)get_capabilities());

    for (int i = 0; i < count && at < size; i++)
        at += (size_t)snprintf(ret + at, size - at, ",%u", groups[i]);
    if (count < 0)
        snprintf(ret, size, UNKNOWN);
}

static void get_umask(char *ret, size_t size)
{
    mode_t mask = umask(0);

    umask(mask);
    snprintf(ret, size, "%04o", mask);
}

/* Libraries size pools and tables by them. */
static void get_limits(char *ret, size_t size)
{
    struct rlimit limit;
    size_t at = 0;

    for (int i = 0; i < RLIM_NLIMITS && at < size; i++)
        if (syscall(SYS_prlimit64, 0, i, NULL, &limit) == 0)
            at += (size_t)snprintf(ret + at, size - at, "%jx:%jx ", (uintmax_t)limit.rlim_cur,
                (uintmax_t)limit.rlim_max);
}

static void get_host(char *ret, size_t size)
{
    struct utsname name;

    if (uname(&name) < 0)
        snprintf(ret, size, UNKNOWN);
    else
        snprintf(ret, size, "%s %s %s %s", name.nodename, name.release, name.version, name.machine);
}

/* Libraries size pools of threads by it. The kernel leaves out processors that are offline. */
static void get_processors(char *ret, size_t size)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        snprintf(ret, size, UNKNOWN);
    else
        snprintf(ret, size, "%d", CPU_COUNT(&set));
}

/* Libraries choose their code by them. */
static void get_processor(char *ret, size_t size)
{
    char text[PROCESSOR_TEXT_SIZE];

    processor_describe(text);
    snprintf(ret, size, "%s", text);
}

/* The program itself ignores SIGPIPE, and Python SIGXFSZ. */
static void get_ignored_signals(char *ret, size_t size)
{
    struct sigaction action;
    size_t at = (size_t)snprintf(ret, size, "none");

    for (int i = 1; i < NSIG && at < size; i++)
        if (i != SIGPIPE && i != SIGXFSZ && sigaction(i, NULL, &action) == 0 &&
            action.sa_handler == SIG_IGN)
            at += (size_t)snprintf(ret + at, size - at, ", %d", i);
}

static void get_blocked_signals(char *ret, size_t size)
{
    sigset_t mask;
    size_t at = (size_t)snprintf(ret, size, "none");

    if (sigprocmask(SIG_BLOCK, NULL, &mask) < 0)
        snprintf(ret, size, UNKNOWN);
    else
        for (int i = 1; i < NSIG && at < size; i++)
            if (sigismember(&mask, i) == 1)
                at += (size_t)snprintf(ret + at, size - at, ", %d", i);
}

static void get_terminals(char *ret, size_t size)
{
    snprintf(
        ret, size, "%d%d%d", isatty(STDIN_FILENO), isatty(STDOUT_FILENO), isatty(STDERR_FILENO));
}

static const struct fact {
    const char *name;
    void (*get)(char *ret, size_t size);
} facts[CIRCUMSTANCES_FACTS] = {
    {"working directory", get_working_directory},
    {"user", get_user},
    {"umask", get_umask},
    {"set of resource limits", get_limits},
    {"host or its kernel", get_host},
    {"number of processors", get_processors},
    {"processor", get_processor},
    {"set of ignored signals", get_ignored_signals},
    {"set of blocked signals", get_blocked_signals},
    {"kind of the standard streams", get_terminals},
};

void circumstances_get_fact(size_t number, char ret_fact[CIRCUMSTANCES_FACT_SIZE])
{
    const struct fact *fact = &facts[number];
    size_t size = (size_t)snprintf(ret_fact, CIRCUMSTANCES_FACT_SIZE, "%s=", fact->name);

    fact->get(ret_fact + size, CIRCUMSTANCES_FACT_SIZE - size);
}

bool circumstances_is_known(const char *fact)
{
    size_t size = strlen(fact);

    return size < 2 || strcmp(fact + size - 2, "=" UNKNOWN) != 0;
}
