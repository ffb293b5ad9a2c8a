/* Texts of problems: src/base/problem.h. */

#include "base/problem.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void test_set(void)
{
    struct problem problem;

    unit_case("a text");
    unit_same_int("code", problem_set(&problem, -EINVAL, "line %d: %s", 3, "no key"), -EINVAL);
    unit_same_slice("text", slice_of(problem.text), SLICE("line 3: no key"));
    errno = ENOENT;
    unit_same_int("code", problem_set(&problem, 78, "cannot open: %m"), 78);
    unit_same_slice(
        "errno", slice_of(problem.text), SLICE("cannot open: No such file or directory"));

    unit_case("nobody wants the text");
    unit_same_int("code", problem_set(NULL, -EINVAL, "%s", "no key"), -EINVAL);
}

/* Sets a text of `size` bytes, the last of which are `tail`. The text that results has to be
 * `kept` bytes of it and `end`. */
static void check_size(
    const char *name, size_t size, const char *tail, size_t kept, const char *end)
{
    char text[2 * PROBLEM_SIZE], expected[2 * PROBLEM_SIZE];
    struct problem problem;

    unit_case("%s", name);
    memset(text, 'x', size - strlen(tail));
    strcpy(text + size - strlen(tail), tail);
    memcpy(expected, text, kept);
    strcpy(expected + kept, end);
    problem_set(&problem, -EINVAL, "%s", text);
    unit_same_slice("text", slice_of(problem.text), slice_of(expected));
}

static void test_size(void)
{
    enum { MOST = PROBLEM_SIZE - 1, CUT = MOST - 3 };

    check_size("the longest text", MOST, "", MOST, "");
    check_size("a longer text", MOST + 1, "", CUT, "...");
    check_size("a much longer text", MOST + 1000, "", CUT, "...");
    /* \xe2\x82\xac is one character. */
    check_size("a character before the cut", MOST + 1,
        "\xe2\x82\xac"
        "1234",
        CUT, "...");
    check_size("a character at the cut", MOST + 1,
        "\xe2\x82\xac"
        "123",
        CUT - 2, "...");
    check_size("a character across the cut", MOST + 1,
        "\xe2\x82\xac"
        "12",
        CUT - 1, "...");
    check_size("a character after the cut", MOST + 1,
        "\xe2\x82\xac"
        "1",
        CUT, "...");
}

int main(void)
{
    test_set();
    test_size();
    return unit_done();
}
