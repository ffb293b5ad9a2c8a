/* Fuzzes dependencies.h: the input is a record. If its head is wrong, the entries are also tried
 * with a correct one. */

#include "base/problem.h"
#include "image/dependencies.h"

#include "fuzz.h"

static char *const no_strings[] = {NULL};

static void check_dependency(const struct dependency *dependency, struct slice record)
{
    struct slice text = {dependency->text, strlen(dependency->text) + 1};

    FUZZ_ASSERT(fuzz_is_within(text, record));
    FUZZ_ASSERT(dependency->kind >= DEPENDENCY_OPTION && dependency->kind <= DEPENDENCY_LISTING);
    if (dependency_has_path(dependency->kind))
        FUZZ_ASSERT(dependency->text[0] == '/');
    else
        FUZZ_ASSERT(dependency->error == 0);
}

static void check_entries(struct slice record)
{
    struct dependency dependency;
    size_t position = 0, before = 0, paths = 0;

    while (dependencies_next(record, &position, &dependency)) {
        FUZZ_ASSERT(position > before && position <= record.size);
        before = position;
        check_dependency(&dependency, record);
        FUZZ_ASSERT(paths == 0 || dependency_has_path(dependency.kind));
        paths += dependency_has_path(dependency.kind);
    }
    FUZZ_ASSERT(record.size == sizeof(struct dependencies_head) || before == record.size);
    FUZZ_ASSERT(paths == dependencies_count_paths(record));
}

static void check_record(struct slice record)
{
    struct problem problem = {{0}};
    int r = dependencies_validate(record, &problem);
    int fits = dependencies_check(record, no_strings, no_strings, &problem);

    FUZZ_ASSERT(fits == 0 || fits == 1);
    FUZZ_ASSERT(fits == 1 || dependencies_check_paths(record, NULL) == 0);
    FUZZ_ASSERT(r == 0 || (r < 0 && fits == 1));
    FUZZ_ASSERT(fits == 0 || (problem.text[0] && !strchr(problem.text, '\n')));
    if (r == 0)
        check_entries(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dependencies_head head = {.magic = DEPENDENCIES_MAGIC, .size = size};
    char *copy = fuzz_copy(data, size);

    check_record((struct slice){copy, size});
    if (size >= sizeof(head)) {
        memcpy(copy, &head, sizeof(head));
        check_record((struct slice){copy, size});
    }
    free(copy);
    return 0;
}
