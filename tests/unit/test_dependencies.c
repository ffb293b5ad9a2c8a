/* Whether an image still fits: src/image/dependencies.h, recorder.h, circumstances.h. */

#include "base/problem.h"
#include "image/circumstances.h"
#include "image/dependencies.h"
#include "image/recorder.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

/* ---- files ---------------------------------------------------------------------------------- */

static char top[] = "/tmp/test_dependencies-XXXXXX"; /* the working directory, with all files */

static void expect_done(int result, const char *what)
{
    unit_ok(result >= 0, "%s: %m", what);
}

static void put_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    expect_done(fd, path);
    expect_done((int)write(fd, content, strlen(content)), path);
    close(fd);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void make_files(void)
{
    umask(022);
    expect_done(chdir(top), top);
    nftw(".", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    put_file("settings.py", "DEBUG = 0\n");
    put_file("other.py", "DEBUG = 0\n");
    put_file("log", "");
    expect_done(mkdir("package", 0755), "package");
    put_file("package/a.py", "");
    expect_done(mkdir("data", 0755), "data");
    put_file("data/a", "");
    expect_done(symlink("settings.py", "link"), "link");
    expect_done(symlink("data", "current"), "current");
    expect_done(symlink("/proc/self/mounts", "mtab"), "mtab");
}

static void look_at(struct recorder *recorder, enum dependency_kind kind, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    recorder_look(recorder, kind, path);
}

static void look_at_files(struct recorder *recorder)
{
    static const struct {
        enum dependency_kind kind;
        const char *name;
    } looks[] = {
        {DEPENDENCY_FILE, "settings.py"},
        {DEPENDENCY_FILE, ".env"},
        {DEPENDENCY_FILE, "data"},
        {DEPENDENCY_FILE, "settings/__init__.py"},
        {DEPENDENCY_FILE, "current/a"},
        {DEPENDENCY_FILE, "mtab"},
        {DEPENDENCY_LINK, "link"},
        {DEPENDENCY_LINK, "no-link"},
        {DEPENDENCY_LISTING, "package"},
        {DEPENDENCY_LISTING, "package"},
    };

    for (size_t i = 0; i < COUNT(looks); i++)
        look_at(recorder, looks[i].kind, looks[i].name);
    recorder_look(recorder, DEPENDENCY_FILE, "/proc/self/status");
    recorder_look(recorder, DEPENDENCY_LISTING, "/dev");
}

/* ---- changes of files ----------------------------------------------------------------------- */

static void nothing(void)
{
}

static void change_content(void)
{
    put_file("settings.py", "DEBUG = 10\n");
}

static void change_content_of_same_size(void)
{
    put_file("settings.py", "DEBUG = 1\n");
}

static void set_time(const char *path, struct timespec time)
{
    const struct timespec times[2] = {time, time};

    expect_done(utimensat(AT_FDCWD, path, times, 0), path);
}

static void touch_to_past(void)
{
    set_time("settings.py", (struct timespec){.tv_sec = 1000});
}

static void change_and_hide(void)
{
    struct stat status;

    expect_done(stat("settings.py", &status), "settings.py");
    put_file("settings.py", "DEBUG = 1\n");
    set_time("settings.py", status.st_mtim);
}

static void replace(void)
{
    expect_done(rename("other.py", "settings.py"), "other.py");
}
static void delete (void)
{
    expect_done(unlink("settings.py"), "settings.py");
}
static void add_env(void)
{
    put_file(".env", "DEBUG=1\n");
}

static void add_env_directory(void)
{
    expect_done(mkdir(".env", 0755), ".env");
}

static void add_shadow(void)
{
    expect_done(mkdir("settings", 0755), "settings");
    put_file("settings/__init__.py", "");
}

static void block_shadow(void)
{
    put_file("settings", "");
}
static void add_to_listed(void)
{
    put_file("package/b.py", "");
}
static void delete_from_listed(void)
{
    expect_done(unlink("package/a.py"), "a.py");
}

static void rename_in_listed(void)
{
    expect_done(rename("package/a.py", "package/c.py"), "package/a.py");
}

static void add_and_delete(void)
{
    put_file("package/b.py", "");
    expect_done(unlink("package/b.py"), "package/b.py");
}

static void change_type_in_listed(void)
{
    delete_from_listed();
    expect_done(mkdir("package/a.py", 0755), "a.py");
}

static void add_to_other(void)
{
    put_file("data/b", "");
}

static void replace_directory(void)
{
    expect_done(rename("package", "old"), "package");
    expect_done(mkdir("package", 0755), "package");
    put_file("package/a.py", "");
}

static void retarget(void)
{
    expect_done(unlink("link"), "link");
    expect_done(symlink("other.py.", "link"), "link");
}

static void retarget_directory(void)
{
    expect_done(unlink("current"), "current");
    expect_done(symlink("package", "current"), "current");
}

static void add_link(void)
{
    expect_done(symlink("nowhere", "no-link"), "no-link");
}
static void change_mode(void)
{
    expect_done(chmod("settings.py", 0600), "settings.py");
}
static void change_mode_of_directory(void)
{
    expect_done(chmod("data", 0700), "data");
}
static void change_mode_of_listed(void)
{
    expect_done(chmod("package", 0700), "package");
}
static void write_log(void)
{
    put_file("log", "hello\n");
}
static void change_directory(void)
{
    expect_done(chdir("data"), "data");
}
static void change_umask(void)
{
    umask(077);
}

static void read_all(void)
{
    char byte;
    int fd = open("settings.py", O_RDONLY | O_CLOEXEC);

    expect_done((int)read(fd, &byte, 1), "settings.py");
    close(fd);
    expect_done(access("package", R_OK), "package");
}

/* The text is NULL if the image fits; "@" stands for the directory. */
static const struct file_change {
    const char *name;
    void (*make)(void);
    const char *text;
} file_changes[] = {
    {"nothing", nothing, NULL},
    {"files are read", read_all, NULL},
    {"a file that was not looked at", write_log, NULL},
    {"a name in a directory that was not listed", add_to_other, NULL},
    {"a name that came and went", add_and_delete, NULL},
    {"another directory with the same names", replace_directory, NULL},
    {"content", change_content, "@/settings.py has changed"},
    {"content of the same size", change_content_of_same_size, "@/settings.py has changed"},
    {"content, with the time set back", change_and_hide, "@/settings.py has changed"},
    {"touched", touch_to_past, "@/settings.py has changed"},
    {"replaced by rename(2)", replace, "@/settings.py has changed"},
    {"removed", delete, "@/settings.py is gone"},
    {"new file", add_env, "@/.env is new"},
    {"new directory", add_env_directory, "@/.env is new"},
    {"new file that shadows another", add_shadow, "@/settings/__init__.py is new"},
    {"absent in another way", block_shadow, "@/settings/__init__.py: now: Not a directory"},
    {"new name", add_to_listed, "the list of files in @/package has changed"},
    {"name less", delete_from_listed, "the list of files in @/package has changed"},
    {"other name", rename_in_listed, "the list of files in @/package has changed"},
    {"other type", change_type_in_listed, "the list of files in @/package has changed"},
    {"symbolic link retargeted", retarget, "@/link has changed"},
    {"symbolic link to a directory retargeted", retarget_directory, "@/current/a is gone"},
    {"new symbolic link", add_link, "@/no-link is new"},
    {"mode of a file", change_mode, "@/settings.py has changed"},
    {"mode of a directory", change_mode_of_directory, "@/data has changed"},
    {"mode of a listed directory", change_mode_of_listed,
        "the list of files in @/package has changed"},
    {"working directory", change_directory, "the working directory has changed"},
    {"umask", change_umask, "the umask has changed"},
};

static char *const no_strings[] = {NULL};

static struct slice finish(struct recorder *recorder)
{
    struct problem problem = {{0}};
    struct slice record = {0};

    unit_same_int("finished", recorder_finish(recorder, &record, &problem), 0);
    unit_ok(problem.text[0] == '\0', "%s", problem.text);
    return record;
}

static void test_file_change(const struct file_change *change)
{
    struct problem problem = {{0}};
    struct recorder recorder;

    unit_case("files: %s", change->name);
    make_files();
    recorder_init(&recorder, no_strings, no_strings);
    look_at_files(&recorder);
    struct slice record = finish(&recorder);
    unit_same_int("before", dependencies_check(record, no_strings, no_strings, &problem), 0);
    change->make();
    int r = dependencies_check(record, no_strings, no_strings, &problem);
    unit_same_int("after", r, change->text != NULL);
    if (change->text)
        unit_same_problem(&problem, change->text, top);
    recorder_done(&recorder);
}

static int check_paths_after(void (*change)(void), struct problem *ret_problem)
{
    struct recorder recorder;

    make_files();
    recorder_init(&recorder, no_strings, no_strings);
    look_at_files(&recorder);
    struct slice record = finish(&recorder);
    change();
    int r = dependencies_check_paths(record, ret_problem);
    recorder_done(&recorder);
    return r;
}

static void test_paths_only(void)
{
    struct problem problem = {{0}};

    unit_case("only files: facts do not count");
    unit_same_int("working directory", check_paths_after(change_directory, &problem), 0);
    unit_same_int("umask", check_paths_after(change_umask, &problem), 0);
    unit_same_int("content", check_paths_after(change_content, &problem), 1);
    unit_same_problem(&problem, "@/settings.py has changed", top);
}

static void name_module(char name[64], int number)
{
    snprintf(name, 64, "package/module_with_a_long_name_%d.py", number);
}

/* More names than are read at once. */
static void test_large_directory(void)
{
    struct problem problem = {{0}};
    struct recorder recorder;
    char name[64];

    unit_case("files: a name in a large directory");
    make_files();
    for (int i = 0; i < 1000; i++) {
        name_module(name, i);
        put_file(name, "");
    }
    recorder_init(&recorder, no_strings, no_strings);
    look_at(&recorder, DEPENDENCY_LISTING, "package");
    struct slice record = finish(&recorder);
    add_and_delete();
    unit_same_int("before", dependencies_check_paths(record, &problem), 0);
    for (int i = 0; i < 1000; i += 50) {
        name_module(name, i);
        expect_done(rename(name, "package/other.py"), name);
        unit_same_int("after", dependencies_check_paths(record, &problem), 1);
        expect_done(rename("package/other.py", name), name);
    }
    recorder_done(&recorder);
}

static void test_files(void)
{
    for (size_t i = 0; i < COUNT(file_changes); i++)
        test_file_change(&file_changes[i]);
}

/* ---- options and variables ------------------------------------------------------------------ */

enum { MAX_STRINGS = 8 };

#define BEFORE_OPTIONS                                                                             \
    {                                                                                              \
        "--a=1", "--b", "app:app"                                                                  \
    }
#define BEFORE_VARIABLES                                                                           \
    {                                                                                              \
        "DEBUG=0", "HOME=/", "E="                                                                  \
    }

static const struct start {
    const char *name;
    char *arguments[MAX_STRINGS], *variables[MAX_STRINGS];
    const char *text;
} starts[] = {
    {"nothing", BEFORE_OPTIONS, BEFORE_VARIABLES, NULL},
    {"the image", {"--image=/x", "--a=1", "--b", "--image-max-age=1h", "app:app"}, BEFORE_VARIABLES,
        NULL},
    {"the image, as two arguments", {"--a=1", "--image", "/x", "--b", "--freeze", "/x", "app:app"},
        BEFORE_VARIABLES, NULL},
    {"the image's value is missing", {"--a=1", "--b", "app:app", "--image"}, BEFORE_VARIABLES,
        NULL},
    {"option like --image", {"--a=1", "--b", "--images=1", "app:app"}, BEFORE_VARIABLES,
        "the option '--images=1' was 'app:app'"},
    {"option changed", {"--a=2", "--b", "app:app"}, BEFORE_VARIABLES,
        "the option '--a=2' was '--a=1'"},
    {"option gone", {"--a=1", "--b"}, BEFORE_VARIABLES, "the option 'app:app' is gone"},
    {"option new", {"--a=1", "--b", "app:app", "--c"}, BEFORE_VARIABLES, "the option '--c' is new"},
    {"order of variables", BEFORE_OPTIONS, {"E=", "HOME=/", "DEBUG=0"}, NULL},
    {"variable changed", BEFORE_OPTIONS, {"DEBUG=1", "HOME=/", "E="},
        "the environment variable DEBUG has changed"},
    {"variable longer", BEFORE_OPTIONS, {"DEBUG=00", "HOME=/", "E="},
        "the environment variable DEBUG has changed"},
    {"variable new", BEFORE_OPTIONS, {"DEBUG=0", "HOME=/", "E=", "NEW=1"},
        "the environment variable NEW is new"},
    {"empty variable new", BEFORE_OPTIONS, {"EE=", "DEBUG=0", "HOME=/", "E="},
        "the environment variable EE is new"},
    {"variable gone", BEFORE_OPTIONS, {"DEBUG=0", "HOME=/"}, "the environment variable E is gone"},
    {"variable replaced", BEFORE_OPTIONS, {"DEBUGS=0", "HOME=/", "E="},
        "the environment variable DEBUG is gone"},
    {"variable twice, the first counts", BEFORE_OPTIONS, {"DEBUG=0", "HOME=/", "E=", "DEBUG=1"},
        NULL},
    {"variable twice, the first has changed", BEFORE_OPTIONS,
        {"DEBUG=1", "DEBUG=0", "HOME=/", "E="}, "the environment variable DEBUG has changed"},
    {"volatile variables", BEFORE_OPTIONS,
        {"LISTEN_FDS=1", "DEBUG=0", "INVOCATION_ID=1", "JOURNAL_STREAM=1:2", "HOME=/",
            "REMOTE_ADDR=::1", "SO_COOKIE=7", "E="},
        NULL},
    {"more volatile variables", BEFORE_OPTIONS,
        {"DEBUG=0", "HOME=/", "E=", "LISTEN_PIDFDID=1", "MEMORY_PRESSURE_WATCH=/x",
            "CREDENTIALS_DIRECTORY=/x", "SYSTEMD_EXEC_PID=7"},
        NULL},
    {"variable like a volatile one", BEFORE_OPTIONS,
        {"DEBUG=0", "HOME=/", "E=", "REMOTE_ADDRESS=::1"},
        "the environment variable REMOTE_ADDRESS is new"},
};

static struct slice record_start(struct recorder *recorder)
{
    static char *const arguments[MAX_STRINGS] = BEFORE_OPTIONS;
    static char *const variables[] = {"DEBUG=0", "HOME=/", "NOTIFY_SOCKET=/x", "E=", NULL};

    recorder_init(recorder, arguments, variables);
    return finish(recorder);
}

static void test_starts(void)
{
    struct problem problem = {{0}};
    struct recorder recorder;

    make_files();
    struct slice record = record_start(&recorder);
    for (size_t i = 0; i < COUNT(starts); i++) {
        const struct start *start = &starts[i];
        unit_case("start: %s", start->name);
        int r = dependencies_check(record, start->arguments, start->variables, &problem);
        unit_same_int("result", r, start->text != NULL);
        if (start->text)
            unit_same_problem(&problem, start->text, top);
    }
    recorder_done(&recorder);
}

static void test_facts(void)
{
    char fact[CIRCUMSTANCES_FACT_SIZE];

    unit_case("facts are known");
    for (size_t i = 0; i < CIRCUMSTANCES_FACTS; i++) {
        circumstances_get_fact(i, fact);
        unit_ok(circumstances_is_known(fact), "%s", fact);
        unit_ok(strchr(fact, '=') && strchr(fact, '=')[1], "%s", fact);
    }
    unit_ok(!circumstances_is_known("user=?"), "an unknown one");
}

int main(void)
{
    if (!mkdtemp(top))
        return EXIT_FAILURE;
    test_files();
    test_paths_only();
    test_large_directory();
    test_starts();
    test_facts();
    make_files();
    nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    int status = unit_done();
    return chdir("/") == 0 && rmdir(top) == 0 ? status : EXIT_FAILURE;
}
