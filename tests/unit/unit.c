#include "unit.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ROOM_SIZE = 1 << 20,
    MAX_DIAGNOSTICS = 8, /* per test point: one error often fails hundreds of checks */
};

static struct {
    unsigned points, failed_points;
    unsigned long checks;
    unsigned failed_checks; /* of the current point */
    char name[256];
    char context[256];
} unit;

static void close_point(void)
{
    if (unit.points == 0)
        return;
    if (unit.failed_checks > MAX_DIAGNOSTICS)
        printf("# and %u more\n", unit.failed_checks - MAX_DIAGNOSTICS);
    if (unit.failed_checks > 0)
        unit.failed_points++;
    printf("%s %u - ", unit.failed_checks > 0 ? "not ok" : "ok", unit.points);
    for (const char *c = unit.name; *c; c++) {
        if (*c == '#' || *c == '\\') /* a bare "#" begins a directive */
            putchar('\\');
        putchar(*c < ' ' && *c >= 0 ? ' ' : *c); /* the point is one line */
    }
    putchar('\n');
}

void unit_case(const char *format, ...)
{
    va_list arguments;

    close_point();
    unit.points++;
    unit.failed_checks = 0;
    unit.context[0] = '\0';
    va_start(arguments, format);
    vsnprintf(unit.name, sizeof(unit.name), format, arguments);
    va_end(arguments);
}

void unit_context(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(unit.context, sizeof(unit.context), format, arguments);
    va_end(arguments);
}

/* Counts a check. Returns whether to print its failure. */
static bool begin_failure(bool held)
{
    unit.checks++;
    if (held || ++unit.failed_checks > MAX_DIAGNOSTICS)
        return false;
    printf("# %s", unit.context);
    if (unit.context[0])
        printf(": ");
    return true;
}

bool unit_ok(bool condition, const char *format, ...)
{
    if (begin_failure(condition)) {
        va_list arguments;
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
    }
    return condition;
}

bool unit_same_int(const char *what, long long actual, long long expected)
{
    if (begin_failure(actual == expected))
        printf("%s: expected %lld, got %lld\n", what, expected, actual);
    return actual == expected;
}

bool unit_same_number(const char *what, uint64_t actual, uint64_t expected)
{
    if (begin_failure(actual == expected))
        printf("%s: expected %ju, got %ju\n", what, (uintmax_t)expected, (uintmax_t)actual);
    return actual == expected;
}

static void print_slice(struct slice slice)
{
    if (!slice.data) {
        printf("absent");
        return;
    }
    putchar('"');
    for (size_t i = 0; i < slice.size; i++) {
        unsigned char c = (unsigned char)slice.data[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c >= 0x20 && c < 0x7F)
            putchar(c);
        else
            printf("\\x%02x", c);
    }
    putchar('"');
}

bool unit_same_slice(const char *what, struct slice actual, struct slice expected)
{
    bool held = slice_equal(actual, expected) && !actual.data == !expected.data;

    if (begin_failure(held)) {
        printf("%s: expected ", what);
        print_slice(expected);
        printf(", got ");
        print_slice(actual);
        putchar('\n');
    }
    return held;
}

bool unit_same_problem(const struct problem *problem, const char *text, const char *directory)
{
    char expected[sizeof(problem->text) + PATH_MAX];
    size_t before = strcspn(text, "@");

    snprintf(expected, sizeof(expected), "%.*s%s%s", (int)before, text,
        text[before] ? directory : "", text[before] ? text + before + 1 : "");
    return unit_same_slice("problem", slice_of(problem->text), slice_of(expected));
}

int unit_done(void)
{
    close_point();
    printf("1..%u\n", unit.points);
    printf("# %lu checks, %u of %u points failed\n", unit.checks, unit.failed_points, unit.points);
    return unit.failed_points > 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void bail_out(const char *why)
{
    printf("Bail out! %s in \"%s\" (%s)\n", why, unit.name, unit.context);
    fflush(stdout);
    _exit(EXIT_FAILURE);
}

/* Not async-signal-safe, but the fault is in the code under test, not in stdio. */
static void on_fault(int signal)
{
    (void)signal;
    bail_out("fault (over-read?)");
}

static char *map_room(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room =
        mmap(NULL, ROOM_SIZE + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED || mprotect(room + ROOM_SIZE, page, PROT_NONE) < 0)
        bail_out("no memory");
#ifndef __SANITIZE_ADDRESS__ /* its own report of a fault is better */
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
#else
    (void)on_fault;
#endif
    return room;
}

char *unit_room_at_end(size_t size)
{
    static char *room;

    if (!room)
        room = map_room();
    if (size > ROOM_SIZE)
        bail_out("input too large");
    memset(room + ROOM_SIZE - size, 0, size);
    return room + ROOM_SIZE - size;
}

struct slice unit_copy_at_end(struct slice text)
{
    char *room = unit_room_at_end(text.size);

    if (text.size > 0)
        memcpy(room, text.data, text.size);
    return (struct slice){room, text.size};
}
