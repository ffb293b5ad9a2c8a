/* Records of dependencies: what is in them, and records that are invalid. src/image/recorder.h,
 * dependencies.h. */

#include "base/problem.h"
#include "image/dependencies.h"
#include "image/recorder.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static char *const no_strings[] = {NULL};
static char top[] = "/tmp/test_recorder-XXXXXX"; /* the working directory */

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    return path;
}

static void put_file(const char *name, const char *content)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    unit_ok(fd >= 0 && write(fd, content, strlen(content)) >= 0, "%s: %m", name);
    close(fd);
}

static void begin(struct recorder *ret)
{
    recorder_init(ret, no_strings, no_strings);
}

/* ---- what is recorded ----------------------------------------------------------------------- */

static void expect_paths(struct recorder *recorder, size_t count)
{
    struct problem problem = {{0}};
    struct slice record = {0};

    unit_same_int("finished", recorder_finish(recorder, &record, &problem), 0);
    unit_ok(!problem.text[0], "%s", problem.text);
    unit_same_number("paths", dependencies_count_paths(record), count);
    recorder_done(recorder);
}

static void expect_failure(struct recorder *recorder, int error, const char *text)
{
    struct problem problem = {{0}};
    struct slice record = {0};

    unit_same_int("result", recorder_finish(recorder, &record, &problem), error);
    unit_same_slice("problem", slice_of(problem.text), slice_of(text));
    recorder_done(recorder);
}

static void test_made_up(void)
{
    static const char *const paths[] = {
        "/proc", "/proc/self/maps", "/sys/devices", "/dev/null", "/proc/no-such-file"};
    struct recorder recorder;

    unit_case("what the kernel makes up is not recorded, but what is named alike");
    begin(&recorder);
    for (size_t i = 0; i < COUNT(paths); i++)
        recorder_look(&recorder, DEPENDENCY_FILE, paths[i]);
    recorder_look(&recorder, DEPENDENCY_FILE, "/process");
    recorder_look(&recorder, DEPENDENCY_FILE, "/dev/shm/no-such-file");
    expect_paths(&recorder, 2);
}

static void test_dots(void)
{
    struct recorder recorder;

    unit_case("a path that leads out of what is not recorded is recorded");
    begin(&recorder);
    recorder_create(&recorder, path_of("temporary"));
    recorder_look(&recorder, DEPENDENCY_FILE, "/proc/../bin/sh");
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("temporary/../other"));
    expect_paths(&recorder, 3);
}

static void test_through_process(void)
{
    static const char *const paths[] = {"/proc/self/cwd/a", "/proc/1/root/etc/passwd",
        "/proc/self/fd/3/a", "/proc/thread-self/cwd/", "/dev/fd/3/a"};
    struct recorder recorder;
    char text[256];

    for (size_t i = 0; i < COUNT(paths); i++) {
        unit_case("a path that is another for each process: %s", paths[i]);
        begin(&recorder);
        recorder_look(&recorder, DEPENDENCY_FILE, paths[i]);
        snprintf(text, sizeof(text), "what %s is cannot be recorded", paths[i]);
        expect_failure(&recorder, -EOPNOTSUPP, text);
    }
    unit_case("the controls");
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_LINK, "/proc/self/cwd");
    recorder_look(&recorder, DEPENDENCY_LISTING, "/proc/self/fd");
    recorder_look(&recorder, DEPENDENCY_FILE, "/proc/self/fd/3");
    expect_paths(&recorder, 0);
}

static void test_written(void)
{
    struct recorder recorder;

    unit_case("a file that is only written is not recorded, unless it has to be there");
    put_file("log", "");
    begin(&recorder);
    recorder_write(&recorder, path_of("log"), true);
    recorder_write(&recorder, path_of("log"), false);
    recorder_write(&recorder, path_of("new"), true);
    expect_paths(&recorder, 0);
    begin(&recorder);
    recorder_write(&recorder, path_of("new"), false);
    expect_paths(&recorder, 1);
}

static void test_own(void)
{
    struct recorder recorder;

    unit_case("a temporary file is the import's own, and what is below it");
    begin(&recorder);
    recorder_create(&recorder, path_of("temporary"));
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("temporary"));
    recorder_look(&recorder, DEPENDENCY_LINK, path_of("temporary/a"));
    recorder_create(&recorder, path_of("temporary/b"));
    expect_paths(&recorder, 1); /* its absence */

    unit_case("a path with the beginning of one's own is not");
    begin(&recorder);
    recorder_create(&recorder, path_of("temporary"));
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("temporary1"));
    expect_paths(&recorder, 2);

    unit_case("what is to be created but exists, or was looked for before, is recorded");
    put_file("lock", "");
    begin(&recorder);
    recorder_create(&recorder, path_of("lock"));
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("other"));
    recorder_create(&recorder, path_of("other"));
    recorder_look(&recorder, DEPENDENCY_LINK, path_of("other"));
    expect_paths(&recorder, 3);
}

static void test_links(void)
{
    struct recorder recorder;

    unit_case("the links that lead to a directory are recorded, but not those to a file");
    mkdir("real", 0755);
    put_file("real/file", "");
    unit_same_int("link", symlink("real", "first"), 0);
    unit_same_int("link to it", symlink("./first", "second"), 0);
    unit_same_int("link to the file", symlink("second/file", "third"), 0);
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_LISTING, path_of("second/."));
    recorder_look(&recorder, DEPENDENCY_LINK, path_of("second"));
    recorder_look(&recorder, DEPENDENCY_LINK, path_of("first"));
    expect_paths(&recorder, 4); /* the last one as "./first" in between */
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("third"));
    expect_paths(&recorder, 1);

    unit_case("links that lead to each other");
    unit_same_int("link", symlink("round", "around"), 0);
    unit_same_int("link back", symlink("around", "round"), 0);
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_LISTING, path_of("round"));
    expect_paths(&recorder, 1);
    unlink("first");
    unlink("second");
    unlink("third");
    unlink("around");
    unlink("round");
    unlink("real/file");
    rmdir("real");
}

static void test_leftover(void)
{
    struct recorder recorder;
    char text[PATH_MAX + 64];

    unit_case("a temporary file that is left behind is an error");
    begin(&recorder);
    recorder_create(&recorder, path_of("gone"));
    recorder_create(&recorder, path_of("left"));
    put_file("left", "");
    snprintf(text, sizeof(text), "%s was left behind", path_of("left"));
    expect_failure(&recorder, -EEXIST, text);
    unlink("left");
}

static void test_failure(void)
{
    struct recorder recorder;

    unit_case("the first failure is reported");
    begin(&recorder);
    recorder_fail(&recorder, -EPERM, "first %d", 1);
    recorder_fail(&recorder, -EBUSY, "second");
    recorder_look(&recorder, DEPENDENCY_FILE, "/");
    expect_failure(&recorder, -EPERM, "first 1");
}

static void test_many(void)
{
    struct recorder recorder;
    char path[64];

    unit_case("thousands of paths, each of them once");
    begin(&recorder);
    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "/no-such-file-%d", i % 10000);
        recorder_look(&recorder, i % 2 ? DEPENDENCY_FILE : DEPENDENCY_LINK, path);
    }
    expect_paths(&recorder, 10000);
}

static int64_t milliseconds(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

/* A file may keep its times when it is changed twice within a tick. Then nobody could tell the
 * second content from the first. */
static void test_same_tick(void)
{
    struct problem problem;
    struct slice record = {0};
    struct recorder recorder;
    unsigned missed = 0;

    unit_case("a file that changes just before and just after");
    for (int i = 0; i < 20; i++) {
        int64_t start = milliseconds(CLOCK_REALTIME_COARSE); /* the clock of files */
        begin(&recorder);
        put_file("young", "1");
        recorder_look(&recorder, DEPENDENCY_FILE, path_of("young"));
        put_file("young", "2");
        unit_same_int("finished", recorder_finish(&recorder, &record, &problem), 0);
        missed += dependencies_check(record, no_strings, no_strings, &problem) == 0;
        unit_ok(milliseconds(CLOCK_REALTIME) - start >= 20, "waits for two ticks");
        recorder_done(&recorder);
    }
    unit_same_number("missed", missed, 0);
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_FILE, "/bin/sh");
    unit_same_number("ms that an old file takes", recorder.waited, 0);
    recorder_done(&recorder);
}

/* ---- invalid records ------------------------------------------------------------------------ */

static char *const arguments[] = {"--a", "app", NULL}, *const variables[] = {"A=1", "B=2", NULL};

static struct slice make_record(struct recorder *recorder)
{
    struct slice record = {0};

    recorder_init(recorder, arguments, variables);
    recorder_look(recorder, DEPENDENCY_FILE, "/no-such-file");
    recorder_look(recorder, DEPENDENCY_LINK, path_of("log"));
    recorder_look(recorder, DEPENDENCY_LISTING, top);
    unit_same_int("finished", recorder_finish(recorder, &record, NULL), 0);
    return record;
}

static bool is_valid(struct slice record)
{
    struct problem problem;

    return dependencies_validate(unit_copy_at_end(record), &problem) == 0;
}

static void set_size(char *data, uint64_t size)
{
    memcpy(data + offsetof(struct dependencies_head, size), &size, sizeof(size));
}

static void test_sizes(struct slice record)
{
    char *copy = malloc(record.size + 8);

    unit_case("a record of another size is invalid");
    memset(copy + record.size, 0, 8);
    memcpy(copy, record.data, record.size);
    unit_ok(is_valid(record), "the control");
    for (size_t size = 0; size < record.size; size++)
        unit_ok(!is_valid((struct slice){record.data, size}), "%zu bytes", size);
    unit_ok(!is_valid((struct slice){copy, record.size + 8}), "with more after it");
    set_size(copy, record.size + 8);
    unit_ok(!is_valid((struct slice){copy, record.size + 8}), "with an empty entry after it");
    free(copy);
}

/* The end of an entry is the end of a shorter record. Others are not. */
static void test_truncated(struct slice record)
{
    char *copy = malloc(record.size);
    size_t position = 0, valid = 0, expected = 1;
    struct dependency dependency;

    unit_case("a record ends at the end of an entry");
    memcpy(copy, record.data, record.size);
    while (dependencies_next(record, &position, &dependency) && position < record.size)
        expected++;
    for (size_t size = sizeof(struct dependencies_head); size < record.size; size++) {
        set_size(copy, size);
        valid += is_valid((struct slice){copy, size});
    }
    unit_same_number("valid sizes", valid, expected);
    free(copy);
}

/* The one exception: of a file that is no link, it makes no difference whether it is followed. */
static void test_flipped(void)
{
    struct recorder recorder;
    struct slice record = {0};
    unsigned fits = 0;

    unit_case("a record with a wrong bit does not fit");
    recorder_init(&recorder, arguments, variables);
    recorder_look(&recorder, DEPENDENCY_LINK, path_of("log"));
    unit_same_int("finished", recorder_finish(&recorder, &record, NULL), 0);
    unit_same_int("the control", dependencies_check(record, arguments, variables, NULL), 0);
    for (size_t i = 0; i < 8 * record.size; i++) {
        struct slice copy = unit_copy_at_end(record);
        ((char *)copy.data)[i / 8] = (char)(copy.data[i / 8] ^ (1 << i % 8));
        fits += dependencies_check(copy, arguments, variables, NULL) == 0;
    }
    unit_same_number("fits", fits, 1);
    recorder_done(&recorder);
}

/* Changes one entry, of which the text begins like this. */
static const struct damage {
    const char *name, *text;
    struct dependencies_entry entry;
    char first;
} damages[] = {
    {"nothing", "A=1", {DEPENDENCY_VARIABLE, 0, 4}, 'A'},
    {"kind 0", "A=1", {0, 0, 4}, 'A'},
    {"kind 7", "A=1", {DEPENDENCY_LISTING + 1, 0, 4}, 'A'},
    {"no text", "A=1", {DEPENDENCY_VARIABLE, 0, 0}, 'A'},
    {"not zero after the text", "A=1", {DEPENDENCY_VARIABLE, 0, 2}, '\0'},
    {"no NUL", "A=1", {DEPENDENCY_VARIABLE, 0, 3}, 'A'},
    {"two NULs", "A=1", {DEPENDENCY_VARIABLE, 0, 5}, 'A'},
    {"NUL in the text", "A=1", {DEPENDENCY_VARIABLE, 0, 4}, '\0'},
    {"variable with an error", "A=1", {DEPENDENCY_VARIABLE, ENOENT, 4}, 'A'},
    {"relative path", "/no-such-file", {DEPENDENCY_FILE, ENOENT, 14}, '.'},
    {"no such error", "/no-such-file", {DEPENDENCY_FILE, 4096, 14}, '/'},
    {"identity missing", "/no-such-file", {DEPENDENCY_FILE, 0, 14}, '/'},
    {"text with the size of all memory", "A=1", {DEPENDENCY_VARIABLE, 0, UINT32_MAX}, 'A'},
    {"variable after a path", top, {DEPENDENCY_VARIABLE, 0, sizeof(top)}, '/'},
};

static void test_damage(struct slice record, const struct damage *damage)
{
    struct slice copy = unit_copy_at_end(record);
    char *text = memmem(copy.data, copy.size, damage->text, strlen(damage->text) + 1);

    unit_case("invalid: %s", damage->name);
    if (!unit_ok(text, "the entry is there"))
        return;
    memcpy(text - sizeof(damage->entry), &damage->entry, sizeof(damage->entry));
    text[0] = damage->first;
    unit_same_int("valid", dependencies_validate(copy, NULL), damage == damages ? 0 : -EBADMSG);
}

static void test_invalid(void)
{
    struct recorder recorder;
    struct slice record = make_record(&recorder);

    test_sizes(record);
    test_truncated(record);
    test_flipped();
    for (size_t i = 0; i < COUNT(damages); i++)
        test_damage(record, &damages[i]);
    recorder_done(&recorder);
}

/* ---- problems ------------------------------------------------------------------------------- */

static void test_line(void)
{
    struct problem problem;
    struct slice record = {0};
    struct recorder recorder;

    unit_case("a problem is one line, whatever the path contains");
    begin(&recorder);
    recorder_look(&recorder, DEPENDENCY_FILE, path_of("a\nb\033c"));
    unit_same_int("finished", recorder_finish(&recorder, &record, &problem), 0);
    put_file("a\nb\033c", "");
    unit_same_int("result", dependencies_check(record, no_strings, no_strings, &problem), 1);
    char text[PATH_MAX + 64];
    snprintf(text, sizeof(text), "%s is new", path_of("a?b?c"));
    unit_same_slice("problem", slice_of(problem.text), slice_of(text));
    unit_same_int("without a problem", dependencies_check(record, no_strings, no_strings, NULL), 1);
    recorder_done(&recorder);
    unlink("a\nb\033c");
}

static int remove_files(void)
{
    unlink("log");
    unlink("lock");
    unlink("young");
    return chdir("/") == 0 ? rmdir(top) : -1;
}

int main(void)
{
    if (!mkdtemp(top) || chdir(top) < 0)
        return EXIT_FAILURE;
    test_made_up();
    test_dots();
    test_through_process();
    test_written();
    test_own();
    test_links();
    test_leftover();
    test_failure();
    test_many();
    test_same_tick();
    test_invalid();
    test_line();
    unit_case("all files were removed");
    unit_same_int("rmdir", remove_files(), 0);
    return unit_done();
}
