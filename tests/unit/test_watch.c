/* What a child looks at, call by call: src/image/watch.h. */

#include "base/problem.h"
#include "image/watch.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static char *const no_strings[] = {NULL};
static char top[] = "/tmp/test_watch-XXXXXX"; /* the working directory, which contains this: */
static char file[PATH_MAX], dir[PATH_MAX], absent[PATH_MAX];

static void make_files(void)
{
    snprintf(file, sizeof(file), "%s/file", top);
    snprintf(dir, sizeof(dir), "%s/dir", top);
    snprintf(absent, sizeof(absent), "%s/absent", top);
    unit_ok(mkdir("dir", 0755) == 0 && symlink("file", "link") == 0, "%s: %m", top);
    close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    int fd = open("script", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    unit_ok(write(fd, "#! /usr/bin/true -x\n", 20) == 20, "script: %m");
    close(fd);
    close(open("dir/inner", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static int remove_files(void)
{
    unlink("dir/inner");
    unlink("link");
    unlink("file");
    unlink("created");
    unlink("script");
    rmdir("dir");
    return chdir("/") == 0 ? rmdir(top) : -1;
}

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- the calls of the child ----------------------------------------------------------------- */

/* Each returns the exit status: 0 if the call did what it does without a watch. */

static int call_open(void)
{
    return open(file, O_RDONLY | O_CLOEXEC) < 0;
}
static int call_open_relative(void)
{
    return open("file", O_RDONLY | O_CLOEXEC) < 0;
}
static int call_open_absent(void)
{
    return open("absent", O_RDONLY | O_CLOEXEC) >= 0;
}
static int call_open_dot(void)
{
    return open("./dir/../file", O_RDONLY | O_CLOEXEC) < 0;
}
static int call_open_read_write(void)
{
    return open("file", O_RDWR | O_CLOEXEC) < 0;
}
static int call_open_nofollow(void)
{
    return open("link", O_NOFOLLOW | O_CLOEXEC) >= 0;
}
static int call_open_path(void)
{
    return open("link", O_PATH | O_CLOEXEC) < 0;
}
static int call_fopen(void)
{
    return fopen("file", "re") == NULL;
}
static int call_write(void)
{
    return open("file", O_WRONLY | O_CLOEXEC) < 0;
}
static int call_write_absent(void)
{
    return open("absent", O_WRONLY | O_CLOEXEC) >= 0;
}

static int call_truncate(void)
{
    return open("file", O_RDWR | O_TRUNC | O_CLOEXEC) < 0;
}

static int call_create(void)
{
    return open("created", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) < 0;
}

static int call_temporary(void)
{
    return open("absent", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0 || unlink("absent") < 0;
}

static int call_temporary_directory(void)
{
    struct stat status;

    return mkdir("absent", 0700) < 0 || stat("absent", &status) < 0 ||
        access("absent/a", F_OK) == 0 || rmdir("absent") < 0;
}

static int call_mkdir_existing(void)
{
    return mkdir("dir", 0700) == 0;
}
static int call_mkdirat(void)
{
    return mkdirat(AT_FDCWD, "dir", 0700) == 0;
}
static int call_openat(void)
{
    return openat(open_dir("dir"), "inner", O_RDONLY | O_CLOEXEC) < 0;
}

static int call_openat_bad(void)
{
    return openat(-5, "inner", O_RDONLY | O_CLOEXEC) >= 0 ||
        syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY) >= 0 || open("", O_RDONLY | O_CLOEXEC) >= 0;
}

static int call_openat2(void)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};

    return syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how)) < 0;
}

static int call_stat(void)
{
    struct stat status;

    return stat("link", &status) < 0;
}

static int call_lstat(void)
{
    struct stat status;

    return lstat("link", &status) < 0;
}

static int call_fstatat(void)
{
    struct stat status;

    return fstatat(open_dir("dir"), "inner", &status, AT_SYMLINK_NOFOLLOW) < 0;
}

static int call_fstat(void)
{
    struct stat status;

    return fstat(STDOUT_FILENO, &status) < 0 ||
        fstatat(STDOUT_FILENO, "", &status, AT_EMPTY_PATH) < 0;
}

static int call_statx(void)
{
    struct statx status;

    return statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) < 0;
}

static int call_statfs(void)
{
    struct statfs status;

    return statfs("dir", &status) < 0;
}

static int call_access(void)
{
    return access("absent", R_OK) == 0;
}

static int call_faccessat2(void)
{
    return syscall(SYS_faccessat2, AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

static int call_readlink(void)
{
    char target[PATH_MAX];

    return readlink("link", target, sizeof(target)) != 4;
}

static int call_readlinkat(void)
{
    char target[PATH_MAX];

    return readlinkat(open_dir("."), "link", target, sizeof(target)) != 4;
}

static int call_getxattr(void)
{
    char value[16];

    return getxattr("file", "user.no", value, sizeof(value)) >= 0;
}

static int call_inotify(void)
{
    return inotify_add_watch(inotify_init1(IN_CLOEXEC), "dir", IN_MODIFY) < 0;
}

static int call_readdir(void)
{
    DIR *stream = opendir("dir");
    int names = 0;

    while (stream && readdir(stream))
        names++;
    return names != 3; /* and "." and ".." */
}

static int call_chdir(void)
{
    return chdir("dir") < 0 || open("inner", O_RDONLY | O_CLOEXEC) < 0;
}

static int call_fchdir(void)
{
    return fchdir(open_dir("dir")) < 0 || open("inner", O_RDONLY | O_CLOEXEC) < 0;
}

static int call_in_removed(void)
{
    return mkdir("absent", 0700) < 0 || chdir("absent") < 0 || rmdir("../absent") < 0 ||
        open("x", O_RDONLY | O_CLOEXEC) >= 0;
}

static int call_execve(void)
{
    char *const arguments[] = {"cat", "file", NULL};

    return execve("/bin/cat", arguments, no_strings);
}

static int call_script(void)
{
    return execl("script", "script", NULL);
}
static int call_shell(void)
{
    return system("cat file; [ ! -e absent ]");
}

static int call_in_child(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(call_open());
    return waitpid(pid, &status, 0) != pid || status != 0;
}

static void *run_thread(void *result)
{
    *(int *)result = call_open_relative();
    return NULL;
}

static int call_in_thread(void)
{
    pthread_t thread;
    int result = 1;

    pthread_create(&thread, NULL, run_thread, &result);
    pthread_join(thread, NULL);
    return result;
}

/* A path at the end of memory, and one that crosses a page. */
static int call_at_end(void)
{
    return open(unit_copy_at_end((struct slice){file, strlen(file) + 1}).data, O_CLOEXEC) < 0;
}

static int call_across_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *path = unit_room_at_end(page + 5);

    strcpy(path, file);
    return open(path, O_CLOEXEC) < 0;
}

static int call_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 0, NULL) != -1 || errno != ENOSYS;
}

static int call_proc(void)
{
    return open("/proc/self/maps", O_RDONLY | O_CLOEXEC) < 0;
}
static int call_nothing(void)
{
    return 0;
}

/* ---- the records ---------------------------------------------------------------------------- */

static const char inner[] = "dir/inner", none[] = "";

/* Names are relative to `top`. One that is `none` means that nothing is recorded. */
static const struct watched {
    const char *what;
    int (*call)(void);
    enum dependency_kind kind;
    const char *name;
    int error;
} watched[] = {
    {"nothing", call_nothing, DEPENDENCY_FILE, none, 0},
    {"open", call_open, DEPENDENCY_FILE, "file", 0},
    {"open, relative", call_open_relative, DEPENDENCY_FILE, "file", 0},
    {"open, of nothing", call_open_absent, DEPENDENCY_FILE, "absent", ENOENT},
    {"open, with dots", call_open_dot, DEPENDENCY_FILE, "./dir/../file", 0},
    {"open, O_RDWR", call_open_read_write, DEPENDENCY_FILE, "file", 0},
    {"open, O_NOFOLLOW", call_open_nofollow, DEPENDENCY_LINK, "link", 0},
    {"open, O_PATH", call_open_path, DEPENDENCY_FILE, "link", 0},
    {"open, O_WRONLY", call_write, DEPENDENCY_FILE, none, 0},
    {"open, O_WRONLY, of nothing", call_write_absent, DEPENDENCY_FILE, "absent", ENOENT},
    {"open, O_TRUNC", call_truncate, DEPENDENCY_FILE, none, 0},
    {"open, O_CREAT", call_create, DEPENDENCY_FILE, none, 0},
    {"open, O_EXCL", call_temporary, DEPENDENCY_LINK, "absent", ENOENT},
    {"mkdir", call_temporary_directory, DEPENDENCY_LINK, "absent", ENOENT},
    {"mkdir, of a directory that exists", call_mkdir_existing, DEPENDENCY_LINK, "dir", 0},
    {"mkdirat", call_mkdirat, DEPENDENCY_LINK, "dir", 0},
    {"fopen", call_fopen, DEPENDENCY_FILE, "file", 0},
    {"openat", call_openat, DEPENDENCY_FILE, inner, 0},
    {"openat, which fails", call_openat_bad, DEPENDENCY_FILE, none, 0},
    {"openat2", call_openat2, DEPENDENCY_FILE, "file", 0},
    {"stat", call_stat, DEPENDENCY_FILE, "link", 0},
    {"lstat", call_lstat, DEPENDENCY_LINK, "link", 0},
    {"fstatat", call_fstatat, DEPENDENCY_LINK, inner, 0},
    {"fstat", call_fstat, DEPENDENCY_FILE, none, 0},
    {"statx", call_statx, DEPENDENCY_LINK, "link", 0},
    {"statfs", call_statfs, DEPENDENCY_FILE, "dir", 0},
    {"access", call_access, DEPENDENCY_FILE, "absent", ENOENT},
    {"faccessat2", call_faccessat2, DEPENDENCY_LINK, "link", 0},
    {"readlink", call_readlink, DEPENDENCY_LINK, "link", 0},
    {"readlinkat", call_readlinkat, DEPENDENCY_LINK, "link", 0},
    {"getxattr", call_getxattr, DEPENDENCY_FILE, "file", 0},
    {"inotify_add_watch", call_inotify, DEPENDENCY_FILE, "dir", 0},
    {"readdir", call_readdir, DEPENDENCY_LISTING, "dir", 0},
    {"chdir", call_chdir, DEPENDENCY_FILE, inner, 0},
    {"fchdir", call_fchdir, DEPENDENCY_FILE, inner, 0},
    {"a directory that has been removed", call_in_removed, DEPENDENCY_LINK, "absent", ENOENT},
    {"execve", call_execve, DEPENDENCY_FILE, "/bin/cat", 0},
    {"a program", call_execve, DEPENDENCY_FILE, "file", 0},
    {"a script", call_script, DEPENDENCY_FILE, "script", 0},
    {"the interpreter of a script", call_script, DEPENDENCY_FILE, "/usr/bin/true", 0},
    {"the programs of a shell", call_shell, DEPENDENCY_FILE, "file", 0},
    {"the shell", call_shell, DEPENDENCY_FILE, "absent", ENOENT},
    {"a child", call_in_child, DEPENDENCY_FILE, "file", 0},
    {"a thread", call_in_thread, DEPENDENCY_FILE, "file", 0},
    {"a path at the end of memory", call_at_end, DEPENDENCY_FILE, "file", 0},
    {"a path across pages", call_across_pages, DEPENDENCY_FILE, "file", 0},
    {"io_uring", call_io_uring, DEPENDENCY_FILE, none, 0},
    {"proc", call_proc, DEPENDENCY_FILE, none, 0},
};

static int run_call(void *data)
{
    const struct watched *row = data;

    return row->call();
}

static void print_paths(struct slice record)
{
    struct dependency dependency;
    size_t position = 0;

    while (dependencies_next(record, &position, &dependency))
        if (dependency_has_path(dependency.kind))
            printf("# kind %u, error %d: %s\n", dependency.kind, dependency.error, dependency.text);
}

static bool has_path(struct slice record, const struct watched *row)
{
    struct dependency dependency;
    size_t position = 0;
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", top, row->name);
    while (dependencies_next(record, &position, &dependency))
        if (dependency.kind == row->kind && dependency.error == row->error &&
            strcmp(dependency.text, row->name[0] == '/' ? row->name : path) == 0)
            return true;
    return false;
}

static void expect_path(struct slice record, const struct watched *row)
{
    bool found = row->name == none ? dependencies_count_paths(record) == 0 : has_path(record, row);

    if (!unit_ok(found, "%s is recorded", row->name == none ? "nothing" : row->name))
        print_paths(record);
}

static void test_watched(struct watched *row)
{
    struct recorder recorder;
    struct problem problem = {{0}};
    struct slice record = {0};
    int status = -1;

    unit_case("watched: %s", row->what);
    recorder_init(&recorder, no_strings, no_strings);
    int r = watch_run(&recorder, run_call, row, DEADLINE_NEVER, &status, &problem);
    unit_same_int("result", r, 0);
    unit_same_int("status", status, 0);
    unit_same_int("finished", recorder_finish(&recorder, &record, &problem), 0);
    unit_ok(!problem.text[0], "%s", problem.text);
    expect_path(record, row);
    recorder_done(&recorder);
}

int main(void)
{
    if (!mkdtemp(top) || chdir(top) < 0)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    unit_case("files were made");
    make_files();
    unit_room_at_end(0); /* before the calls, which are not to look at anything else */
    for (size_t i = 0; i < COUNT(watched); i++)
        test_watched((struct watched *)(uintptr_t)&watched[i]);
    unit_case("all files were removed");
    unit_same_int("rmdir", remove_files(), 0);
    return unit_done();
}
