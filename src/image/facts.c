#include "image/facts.h"

#include "base/cleanup.h"
#include "image/processor.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

bool facts_is_of_start(const char *name)
{
    static const char *const names[] = {"CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM",
        "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "MAINPID", "MAINPIDFDID",
        "MANAGERPID", "MANAGERPIDFDID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE",
        "NOTIFY_SOCKET", "REMOTE_ADDR", "REMOTE_PORT", "SYSTEMD_EXEC_PID", "WATCHDOG_PID",
        "WATCHDOG_USEC", "_"};
    size_t size = strcspn(name, "=");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
            return true;
    return false;
}

/* ---- text ----------------------------------------------------------------------------------- */

static int add_bytes(struct facts *facts, const char *bytes, size_t size)
{
    char *text = realloc(facts->text, facts->size + size);

    if (!text)
        return -ENOMEM;
    memcpy(text + facts->size, bytes, size);
    facts->text = text;
    facts->size += size;
    return 0;
}

static int add(struct facts *facts, const char *label, const char *value)
{
    int r = add_bytes(facts, label, strlen(label) + 1);

    return r < 0 ? r : add_bytes(facts, value, strlen(value) + 1);
}

void facts_done(struct facts *facts)
{
    free(facts->text);
    *facts = (struct facts){0};
}

/* ---- command line --------------------------------------------------------------------------- */

/* Whether the argument is the option or an abbreviation of it, which getopt_long(3) allows if it is
 * unambiguous; `at_least` is the length from which on it is. Sets *ret_next if the value is the
 * next argument. */
static bool is_option(const char *argument, const char *name, size_t at_least, bool *ret_next)
{
    size_t size = strcspn(argument, "=");

    if (size < 2 + at_least || strncmp(argument, "--", 2) != 0 ||
        strncmp(argument + 2, name, size - 2) != 0)
        return false;
    *ret_next = argument[size] == '\0';
    return true;
}

static int add_arguments(struct facts *facts, char *const *argv)
{
    int r = 0;

    for (; r == 0 && *argv; argv++) {
        bool has_next = false;
        if (!is_option(*argv, "freeze", 1, &has_next) && !is_option(*argv, "image", 3, &has_next))
            r = add(facts, "the command line", *argv);
        else if (has_next && argv[1])
            argv++;
    }
    return r;
}

/* ---- environment ---------------------------------------------------------------------------- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_variable(struct facts *facts, const char *variable)
{
    _cleanup_(freep) char *label = NULL;
    int size = (int)strcspn(variable, "=");

    if (asprintf(&label, "the environment variable %.*s", size, variable) < 0)
        return -ENOMEM;
    return add(facts, label, variable);
}

static int add_environment(struct facts *facts)
{
    size_t count = 0, n = 0;
    int r = 0;

    while (environ && environ[count])
        count++;
    _cleanup_(freep) char **sorted = calloc(count + 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (!facts_is_of_start(environ[i]))
            sorted[n++] = environ[i];
    qsort(sorted, n, sizeof(*sorted), compare_strings);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_variable(facts, sorted[i]);
    return r;
}

/* ---- the process ---------------------------------------------------------------------------- */

static int add_user(struct facts *facts)
{
    gid_t groups[256];
    char text[16 * 256];
    int count = getgroups(256, groups);
    int size =
        snprintf(text, sizeof(text), "%u %u %u %u", getuid(), geteuid(), getgid(), getegid());

    if (count < 0)
        return -errno;
    for (int i = 0; i < count && size < (int)sizeof(text); i++)
        size += snprintf(text + size, sizeof(text) - (size_t)size, " %u", groups[i]);
    return add(facts, "the user and groups", text);
}

/* The program itself ignores SIGPIPE, and Python SIGXFSZ. */
static int add_signals(struct facts *facts, const sigset_t *mask)
{
    char ignored[NSIG] = "", blocked[NSIG] = "";
    struct sigaction action;

    for (int i = 1; i < NSIG; i++) {
        bool is_ignored = i != SIGPIPE && i != SIGXFSZ && sigaction(i, NULL, &action) == 0 &&
            action.sa_handler == SIG_IGN;
        ignored[i - 1] = is_ignored ? 'i' : '-';
        blocked[i - 1] = sigismember(mask, i) == 1 ? 'b' : '-';
    }
    int r = add(facts, "the ignored signals", ignored);
    return r == 0 ? add(facts, "the blocked signals", blocked) : r;
}

static int add_place(struct facts *facts)
{
    _cleanup_(freep) char *directory = getcwd(NULL, 0);
    char mode[16], terminals[4] = "";
    mode_t mask = umask(0);

    umask(mask);
    snprintf(mode, sizeof(mode), "%o", mask);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        terminals[fd] = isatty(fd) ? 't' : '-';
    int r = directory ? add(facts, "the working directory", directory) : -errno;
    if (r == 0)
        r = add(facts, "the umask", mode);
    return r == 0 ? add(facts, "the standard streams (which are terminals)", terminals) : r;
}

static int add_machine(struct facts *facts)
{
    char text[PROCESSOR_TEXT_SIZE];
    struct utsname name;

    if (uname(&name) < 0)
        return -errno;
    int r = add(facts, "the kernel", name.release);
    if (r == 0)
        r = add(facts, "the kernel", name.version);
    if (r == 0)
        r = add(facts, "the name of the host", name.nodename);
    processor_describe(text);
    return r == 0 ? add(facts, "the processor", text) : r;
}

int facts_collect(struct facts *ret, char *const *argv, const sigset_t *mask)
{
    struct facts facts = {0};
    int r = add_arguments(&facts, argv);

    if (r == 0)
        r = add_environment(&facts);
    if (r == 0)
        r = add_user(&facts);
    if (r == 0)
        r = add_signals(&facts, mask);
    if (r == 0)
        r = add_place(&facts);
    if (r == 0)
        r = add_machine(&facts);
    if (r == 0)
        *ret = facts;
    else
        facts_done(&facts);
    return r;
}

/* ---- comparison ----------------------------------------------------------------------------- */

/* The next label and value, or NULL at the end. */
static const char *next_pair(const struct facts *facts, size_t *at, const char **ret_value)
{
    const char *label = facts->text + *at;

    if (*at >= facts->size)
        return NULL;
    *at += strlen(label) + 1;
    *ret_value = *at < facts->size ? facts->text + *at : "";
    *at += strlen(*ret_value) + 1;
    return label;
}

/* Whether the label is among the facts from this place on. */
static bool has_label(const struct facts *facts, size_t at, const char *label)
{
    const char *other, *value;

    while ((other = next_pair(facts, &at, &value)))
        if (strcmp(other, label) == 0)
            return true;
    return false;
}

const char *facts_find_difference(const struct facts *old, const struct facts *now)
{
    size_t old_at = 0, now_at = 0;

    if (old->size == now->size && memcmp(old->text, now->text, old->size) == 0)
        return NULL;
    for (;;) {
        const char *old_value = "", *now_value = "";
        const char *old_label = next_pair(old, &old_at, &old_value);
        const char *now_label = next_pair(now, &now_at, &now_value);
        if (!old_label || !now_label)
            return old_label ? old_label : now_label ? now_label : "the start";
        if (strcmp(old_label, now_label) != 0)
            return has_label(now, now_at, old_label) ? now_label : old_label;
        if (strcmp(old_value, now_value) != 0)
            return now_label;
    }
}
