/* What imports of Python depend on: src/image/survey.h. */

#include "base/problem.h"
#include "image/dependencies.h"
#include "image/survey.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static char *const no_strings[] = {NULL};
static char *variables[] = {"PYTHONPATH=.", NULL};
static char top[] = "/tmp/test_watch_survey-XXXXXX"; /* the working directory */

static void put_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    unit_ok(fd >= 0 && write(fd, content, strlen(content)) >= 0, "%s: %m", path);
    close(fd);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void make_files(const char *source)
{
    nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    put_file("app.py", source);
    put_file("settings.ini", "debug = 0\n");
    unit_ok(mkdir("plugins", 0755) == 0, "plugins: %m");
    put_file("plugins/one.txt", "");
}

static int run_import(void *data)
{
    char *const arguments[] = {"python3", "-c", "import app", NULL};

    (void)data;
    return execve(PYTHON_EXECUTABLE, arguments, variables);
}

static int survey(struct survey *survey, struct problem *ret_problem)
{
    const struct survey_task task = {.import = run_import,
        .arguments = no_strings,
        .environment = variables,
        .deadline = DEADLINE_NEVER};

    return survey_run(&task, survey, ret_problem);
}

/* ---- imports that can be frozen ------------------------------------------------------------- */

static void nothing(void)
{
}
static void change_app(void)
{
    put_file("app.py", "pass  # changed\n");
}
static void change_settings(void)
{
    put_file("settings.ini", "debug = 1\n");
}
static void add_env(void)
{
    put_file("plugins/.env", "");
}
static void add_plugin(void)
{
    put_file("plugins/two.txt", "");
}

/* The module json is the standard library's, until there is one in a directory that precedes. */
static void add_shadow(void)
{
    put_file("json.py", "");
}
static void add_package(void)
{
    unit_ok(mkdir("json", 0755) == 0, "json: %m");
}

static const struct import {
    const char *name, *source;
    void (*change)(void);
    const char *text; /* "@" stands for the directory; NULL: still fits */
} imports[] = {
    {"nothing changes", "import json", nothing, NULL},
    {"its source", "import json", change_app, "@/app.py has changed"},
    {"a file that Python reads", "open('settings.ini').read()", change_settings,
        "@/settings.ini has changed"},
    {"a file that C reads",
        "import ctypes; c = ctypes.CDLL(None); c.fopen(b'settings.ini', b'r') or 1/0",
        change_settings, "@/settings.ini has changed"},
    {"a file that another program reads",
        "import subprocess; subprocess.run(['cat', 'settings.ini'], check=True, stdout=-3)",
        change_settings, "@/settings.ini has changed"},
    {"a file that a thread reads",
        "import threading as t; x = t.Thread(target=lambda: open('settings.ini'))\n"
        "x.start(); x.join()",
        change_settings, "@/settings.ini has changed"},
    {"a file that was not there", "import os; os.path.exists('plugins/.env')", add_env,
        "@/plugins/.env is new"},
    {"a file that it would have moved away",
        "import os\n"
        "try: os.rename('plugins/.env', 'env')\n"
        "except OSError: pass",
        add_env, "@/plugins/.env is new"},
    {"a file that it would have removed",
        "import os\n"
        "try: os.unlink('plugins/.env')\n"
        "except OSError: pass",
        add_env, "@/plugins/.env is new"},
    {"a file that it writes under another name first",
        "import os; open('new', 'w').close(); os.replace('new', 'cache')", nothing, NULL},
    {"a file that nobody looked for", "import os", add_plugin, NULL},
    {"names in a directory", "import os; os.listdir('plugins')", add_plugin,
        "the list of files in @/plugins has changed"},
    {"names, with glob", "import glob; assert glob.glob('plugins/*.txt')", add_plugin,
        "the list of files in @/plugins has changed"},
    {"a module that shadows another", "import json", add_shadow,
        "the list of files in @ has changed"},
    {"a package that shadows another", "import json", add_package,
        "the list of files in @ has changed"},
    {"a log", "open('log', 'a').write('imported\\n')", nothing, NULL},
    {"temporary files",
        "import tempfile\n"
        "with tempfile.TemporaryDirectory() as d: open(d + '/a', 'w').close()\n"
        "tempfile.TemporaryFile().write(b'x')",
        nothing, NULL},
    {"its own working directory, umask and environment",
        "import os; os.chdir('plugins'); os.umask(0); os.environ['A'] = '1'\n"
        "open('../settings.ini').read()",
        change_settings, "@/plugins/../settings.ini has changed"},
    {"a cache that the first import fills",
        "import os\n"
        "if not os.path.exists('cache'): open('cache', 'w').write('x')\n"
        "open('cache').read()",
        nothing, NULL},
};

static void test_import(const struct import *import)
{
    struct problem problem = {{0}};
    struct survey found;

    unit_case("import: %s", import->name);
    make_files(import->source);
    if (unit_same_int("survey", survey(&found, &problem), 0)) {
        import->change();
        int r = dependencies_check(found.record, no_strings, variables, &problem);
        unit_same_int("check", r, import->text != NULL);
        if (r != 0 && import->text)
            unit_same_problem(&problem, import->text, top);
    }
    if (!import->text)
        unit_ok(!problem.text[0] || strstr(problem.text, "after each import"), "%s", problem.text);
    survey_done(&found);
}

/* Whether a path that exists, and contains this, is recorded. */
static bool has_path(struct slice record, const char *part)
{
    struct dependency dependency;
    size_t position = 0;

    while (dependencies_next(record, &position, &dependency))
        if (dependency_has_path(dependency.kind) && dependency.error == 0 &&
            strstr(dependency.text, part))
            return true;
    return false;
}

/* The first import writes bytecode, the second one reads it. */
static void test_bytecode(void)
{
    struct problem problem = {{0}};
    struct survey found;

    unit_case("bytecode");
    make_files("pass");
    unit_same_int("survey", survey(&found, &problem), 0);
    unit_ok(has_path(found.record, "/__pycache__/app."), "bytecode is recorded");
    unit_ok(has_path(found.record, PYTHON_EXECUTABLE), "the program is recorded");
    survey_done(&found);
}

/* ---- imports that cannot -------------------------------------------------------------------- */

static const struct bad_import {
    const char *source;
    int result;
    const char *text; /* how the problem begins */
} bad_imports[] = {
    {"1/0", SURVEY_IMPORT_FAILED, ""},
    {"open('settings.ini').read(); open('settings.ini', 'a').write('x')", -EBUSY,
        "after each import: @/settings.ini has changed"},
    {"import tempfile; tempfile.mkdtemp(dir='.', prefix='kept')", -EBUSY,
        "after each import: @/./kept"},
    {"import os; os.path.exists('lock') and os.unlink('lock'); open('lock', 'w')", -EBUSY,
        "after each import: @/lock has changed"},
};

static void test_bad_import(const struct bad_import *import)
{
    struct problem problem = {{0}};
    struct survey found;
    char expected[PATH_MAX];
    size_t before = strcspn(import->text, "@");

    unit_case("no image: %s", import->source);
    make_files(import->source);
    unit_same_int("survey", survey(&found, &problem), import->result);
    snprintf(expected, sizeof(expected), "%.*s%s%s", (int)before, import->text,
        import->text[before] ? top : "", import->text[before] ? import->text + before + 1 : "");
    unit_ok(strncmp(problem.text, expected, strlen(expected)) == 0, "%s", problem.text);
    survey_done(&found);
}

int main(void)
{
    if (!mkdtemp(top) || chdir(top) < 0)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < COUNT(imports); i++)
        test_import(&imports[i]);
    test_bytecode();
    for (size_t i = 0; i < COUNT(bad_imports); i++)
        test_bad_import(&bad_imports[i]);
    nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    int status = unit_done();
    return chdir("/") == 0 && rmdir(top) == 0 ? status : EXIT_FAILURE;
}
