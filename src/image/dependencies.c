#include "image/dependencies.h"

#include "base/printable.h"
#include "base/problem.h"
#include "image/circumstances.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* ---- the format ----------------------------------------------------------------------------- */

enum { MAX_ERROR = 4095 /* of the kernel */ };

/* A string, and zeros after it. */
static bool is_padded_string(struct dependencies_entry head, const char *text)
{
    static const char zeros[8];
    size_t padding = dependencies_pad(head.text_size) - head.text_size;

    return memchr(text, '\0', head.text_size) == text + head.text_size - 1 &&
        memcmp(text + head.text_size, zeros, padding) == 0;
}

static bool is_consistent(struct dependencies_entry head, const char *text)
{
    if (head.kind < DEPENDENCY_OPTION || head.kind > DEPENDENCY_LISTING)
        return false;
    return dependency_has_path(head.kind) ? text[0] == '/' && head.error <= MAX_ERROR
                                          : head.error == 0;
}

static bool has_identity(struct dependencies_entry head)
{
    return dependency_has_path(head.kind) && head.error == 0;
}

/* The size of the entry at the beginning of the slice, or 0 if it is invalid. */
static size_t measure_entry(struct slice rest)
{
    struct dependencies_entry head;

    if (rest.size < sizeof(head))
        return 0;
    memcpy(&head, rest.data, sizeof(head));
    const char *text = rest.data + sizeof(head);
    if (head.text_size == 0 || dependencies_pad(head.text_size) > rest.size - sizeof(head) ||
        !is_padded_string(head, text) || !is_consistent(head, text))
        return 0;
    size_t size = sizeof(head) + dependencies_pad(head.text_size) +
        (has_identity(head) ? sizeof(struct identity) : 0);
    return size <= rest.size ? size : 0;
}

static bool has_head(struct slice record)
{
    struct dependencies_head head;

    if (record.size < sizeof(head))
        return false;
    memcpy(&head, record.data, sizeof(head));
    return memcmp(head.magic, DEPENDENCIES_MAGIC, sizeof(head.magic)) == 0 &&
        head.size == record.size;
}

int dependencies_validate(struct slice record, struct problem *ret_problem)
{
    bool had_path = false;
    size_t size;

    if (!has_head(record))
        return problem_set(ret_problem, -EBADMSG, "the list of dependencies is damaged");
    for (size_t at = sizeof(struct dependencies_head); at < record.size; at += size) {
        size = measure_entry(slice_after(record, at));
        uint16_t kind = 0;
        if (size > 0)
            memcpy(&kind, record.data + at, sizeof(kind));
        if (size == 0 || (had_path && !dependency_has_path(kind)))
            return problem_set(
                ret_problem, -EBADMSG, "the list of dependencies is damaged at byte %zu", at);
        had_path = dependency_has_path(kind);
    }
    return 0;
}

bool dependencies_next(struct slice record, size_t *position, struct dependency *ret)
{
    struct dependencies_entry head;
    size_t at = *position > 0 ? *position : sizeof(struct dependencies_head);

    if (at >= record.size)
        return false;
    memcpy(&head, record.data + at, sizeof(head));
    *ret = (struct dependency){
        .kind = head.kind, .error = head.error, .text = record.data + at + sizeof(head)};
    at += sizeof(head) + dependencies_pad(head.text_size);
    if (has_identity(head)) {
        memcpy(&ret->identity, record.data + at, sizeof(ret->identity));
        at += sizeof(ret->identity);
    }
    *position = at;
    return true;
}

size_t dependencies_count_paths(struct slice record)
{
    struct dependency dependency;
    size_t position = 0, count = 0;

    while (dependencies_next(record, &position, &dependency))
        count += dependency_has_path(dependency.kind);
    return count;
}

/* ---- options and facts ---------------------------------------------------------------------- */

/* The place of the check in the lists that have an order. */
struct progress {
    char *const *arguments;
    char *const *variables;
    size_t facts;
    bool variables_differ; /* in value, or only in order */
};

static int compare_option(
    const struct dependency *was, struct progress *progress, struct problem *ret_problem)
{
    const char *is = circumstances_next_option(&progress->arguments);

    if (!is)
        return problem_set(ret_problem, 1, "the option '%s' is gone", was->text);
    if (strcmp(is, was->text) != 0)
        return problem_set(ret_problem, 1, "the option '%s' was '%s'", is, was->text);
    return 0;
}

static int check_no_more_options(struct progress *progress, struct problem *ret_problem)
{
    const char *is = circumstances_next_option(&progress->arguments);

    return is ? problem_set(ret_problem, 1, "the option '%s' is new", is) : 0;
}

static int compare_fact(
    const struct dependency *was, struct progress *progress, struct problem *ret_problem)
{
    char is[CIRCUMSTANCES_FACT_SIZE];

    if (progress->facts == CIRCUMSTANCES_FACTS)
        return problem_set(ret_problem, 1, "the list of dependencies has too many facts");
    circumstances_get_fact(progress->facts++, is);
    if (strcmp(is, was->text) != 0 || !circumstances_is_known(is))
        return problem_set(ret_problem, 1, "the %.*s has changed", (int)strcspn(is, "="), is);
    return 0;
}

static int check_no_more_facts(const struct progress *progress, struct problem *ret_problem)
{
    return progress->facts == CIRCUMSTANCES_FACTS
        ? 0
        : problem_set(ret_problem, 1, "the list of dependencies has too few facts");
}

/* ---- variables ------------------------------------------------------------------------------ */

static size_t name_size(const char *variable)
{
    return strcspn(variable, "=");
}

static bool names_equal(const char *a, const char *b)
{
    size_t size = name_size(a);

    return strncmp(a, b, size) == 0 && name_size(b) == size;
}

/* Like getenv(3): of variables with the same name the first one counts. */
static const char *find_variable(char *const *environment, const char *variable)
{
    for (; *environment; environment++)
        if (names_equal(*environment, variable))
            return *environment;
    return NULL;
}

static const char *find_recorded(struct slice record, const char *variable)
{
    struct dependency was;
    size_t position = 0;

    while (dependencies_next(record, &position, &was) && !dependency_has_path(was.kind))
        if (was.kind == DEPENDENCY_VARIABLE && names_equal(was.text, variable))
            return was.text;
    return NULL;
}

static const char *next_variable(char *const **variables)
{
    while (**variables && !circumstances_has_variable(**variables))
        (*variables)++;
    return **variables ? *(*variables)++ : NULL;
}

/* Most starts have the same variables in the same order. */
static void compare_variable(const struct dependency *was, struct progress *progress)
{
    const char *is = next_variable(&progress->variables);

    if (!is || strcmp(is, was->text) != 0)
        progress->variables_differ = true;
}

static int report_variable(const char *variable, const char *what, struct problem *ret_problem)
{
    return problem_set(ret_problem, 1, "the environment variable %.*s %s", (int)name_size(variable),
        variable, what);
}

static int find_changed_variable(
    struct slice record, char *const *environment, struct problem *ret_problem)
{
    struct dependency was;
    size_t position = 0;

    while (dependencies_next(record, &position, &was) && !dependency_has_path(was.kind)) {
        if (was.kind != DEPENDENCY_VARIABLE)
            continue;
        const char *first = find_recorded(record, was.text);
        const char *is = find_variable(environment, was.text);
        if (!is)
            return report_variable(was.text, "is gone", ret_problem);
        if (strcmp(is, first) != 0)
            return report_variable(is, "has changed", ret_problem);
    }
    return 0;
}

static int find_new_variable(
    struct slice record, char *const *environment, struct problem *ret_problem)
{
    const char *is;

    while ((is = next_variable(&environment)))
        if (!find_recorded(record, is))
            return report_variable(is, "is new", ret_problem);
    return 0;
}

static int check_variables(struct slice record, char *const *environment, struct progress *progress,
    struct problem *ret_problem)
{
    if (!progress->variables_differ && !next_variable(&progress->variables))
        return 0;
    int r = find_changed_variable(record, environment, ret_problem);
    return r == 0 ? find_new_variable(record, environment, ret_problem) : r;
}

/* ---- paths ---------------------------------------------------------------------------------- */

static int look(const struct dependency *was, struct identity *ret)
{
    if (was->kind == DEPENDENCY_LISTING)
        return identity_get_listing(was->text, false, ret);
    return identity_get(was->text, was->kind == DEPENDENCY_FILE, ret);
}

/* Without its names, which are known only if nothing has happened to the directory. */
static bool is_untouched(const struct dependency *was, const struct identity *is)
{
    struct identity expected = was->identity;

    if (was->kind == DEPENDENCY_LISTING)
        expected.names = 0;
    return identity_equal(is, &expected);
}

static bool has_same_names(const struct dependency *was)
{
    struct identity is;

    return was->kind == DEPENDENCY_LISTING && identity_get_listing(was->text, true, &is) == 0 &&
        identity_lists_equal(&is, &was->identity);
}

static int report_error(const struct dependency *was, int error, struct problem *ret_problem)
{
    if (was->error == 0 && (error == ENOENT || error == ENOTDIR))
        return problem_set(ret_problem, 1, "%s is gone", was->text);
    errno = error;
    return problem_set(ret_problem, 1, "%s: now: %m", was->text);
}

static int compare_path(const struct dependency *was, struct problem *ret_problem)
{
    struct identity is;
    int error = -look(was, &is);

    if (error != 0)
        return error == was->error ? 0 : report_error(was, error, ret_problem);
    if (was->error != 0)
        return problem_set(ret_problem, 1, "%s is new", was->text);
    if (is_untouched(was, &is) || has_same_names(was))
        return 0;
    return problem_set(ret_problem, 1,
        was->kind == DEPENDENCY_LISTING ? "the list of files in %s has changed" : "%s has changed",
        was->text);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int compare_dependency(
    const struct dependency *was, struct progress *progress, struct problem *ret_problem)
{
    switch (was->kind) {
    case DEPENDENCY_OPTION: return compare_option(was, progress, ret_problem);
    case DEPENDENCY_VARIABLE: compare_variable(was, progress); return 0;
    case DEPENDENCY_FACT: return compare_fact(was, progress, ret_problem);
    case DEPENDENCY_FILE:
    case DEPENDENCY_LINK:
    case DEPENDENCY_LISTING: return compare_path(was, ret_problem);
    }
    return 1; /* not reached: the record is valid */
}

static int check_circumstances(struct slice record, char *const *environment,
    struct progress *progress, struct problem *ret_problem)
{
    int r = check_no_more_options(progress, ret_problem);

    if (r == 0)
        r = check_no_more_facts(progress, ret_problem);
    return r == 0 ? check_variables(record, environment, progress, ret_problem) : r;
}

static int check_all(struct slice record, char *const *arguments, char *const *environment,
    struct problem *ret_problem)
{
    struct progress progress = {.arguments = arguments, .variables = environment};
    struct dependency was;
    size_t position = 0;
    int r = 0;

    while (r == 0 && dependencies_next(record, &position, &was))
        r = compare_dependency(&was, &progress, ret_problem);
    return r == 0 ? check_circumstances(record, environment, &progress, ret_problem) : r;
}

/* Paths may contain anything. */
static int report_one_line(bool differs, struct problem *ret_problem)
{
    if (differs && ret_problem)
        printable_replace(ret_problem->text, PRINTABLE_LINE, '?');
    return differs;
}

int dependencies_check(struct slice record, char *const *arguments, char *const *environment,
    struct problem *ret_problem)
{
    bool differs = dependencies_validate(record, ret_problem) < 0 ||
        check_all(record, arguments, environment, ret_problem) != 0;

    return report_one_line(differs, ret_problem);
}

int dependencies_check_paths(struct slice record, struct problem *ret_problem)
{
    bool differs = dependencies_validate(record, ret_problem) < 0;
    struct dependency was;
    size_t position = 0;

    while (!differs && dependencies_next(record, &position, &was))
        differs = dependency_has_path(was.kind) && compare_path(&was, ret_problem) != 0;
    return report_one_line(differs, ret_problem);
}
