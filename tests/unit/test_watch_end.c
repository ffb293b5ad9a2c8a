/* Every call of src/image/calls.h; a watch that fails, and how one ends: src/image/watch.h. */

#include "base/problem.h"
#include "image/calls.h"
#include "image/watch.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static char *const no_strings[] = {NULL};

/* ---- each call, without the C library, which prefers some of them ---------------------------- */

/* Of a file that exists, for calls that would create one. */
static const char *path_for(const struct call *call)
{
    return call->kind == CALL_CREATE || call->kind == CALL_RENAME ? "/bin/sh" : "/no-such-file";
}

static int run_system_call(void *data)
{
    const struct call *call = data;
    long arguments[6] = {0};

    if (call->directory >= 0)
        arguments[call->directory] = AT_FDCWD;
    if (call->kind == CALL_RENAME)
        arguments[call->flags] = RENAME_NOREPLACE;
    arguments[call->path] = (long)path_for(call);
    return syscall(call->number, arguments[0], arguments[1], arguments[2], arguments[3],
               arguments[4], arguments[5]) >= 0;
}

static void test_system_call(const struct call *call)
{
    struct recorder recorder;
    struct slice record = {0};
    struct dependency dependency = {0};
    size_t position = 0;
    int status = -1;

    unit_case("system call: %s", call->name);
    recorder_init(&recorder, no_strings, no_strings);
    int r = watch_run(
        &recorder, run_system_call, (void *)(uintptr_t)call, DEADLINE_NEVER, &status, NULL);
    unit_same_int("result", r, 0);
    unit_same_int("status: it fails", status, 0);
    unit_same_int("finished", recorder_finish(&recorder, &record, NULL), 0);
    unit_same_number("paths", dependencies_count_paths(record), 1);
    while (dependencies_next(record, &position, &dependency))
        ;
    unit_same_slice("path", slice_of(dependency.text), slice_of(path_for(call)));
    recorder_done(&recorder);
}

static void test_system_calls(void)
{
    const struct call *calls;
    size_t count = calls_get(&calls), tested = 0;

    for (size_t i = 0; i < count; i++)
        if (calls[i].path >= 0 && calls[i].kind != CALL_OPENAT2) {
            test_system_call(&calls[i]);
            tested++;
        }
    unit_case("there are enough, and not too many for the filter");
    unit_ok(tested > 10 && count < 128, "%zu of %zu", tested, count);
}

/* ---- what cannot be watched ----------------------------------------------------------------- */

static int call_chroot(void)
{
    return chroot("/") < 0;
}
static int call_unshare(void)
{
    return (int)syscall(SYS_unshare, 0);
}

static int call_openat2_in_root(void)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

    return syscall(SYS_openat2, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "/bin/sh", &how,
               sizeof(how)) < 0;
}

#ifdef __x86_64__
/* stat(2) of a 32-bit program, with a pointer that is not one. */
static int call_other_architecture(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(106L), "b"(0L), "c"(0L) : "memory");
    return result == 0;
}
#endif

static const struct refused {
    const char *text;
    int (*call)(void);
} refused[] = {
    {"the import calls chroot(2), after which paths cannot be watched", call_chroot},
    {"the import calls unshare(2), after which paths cannot be watched", call_unshare},
    {"openat2(2) with RESOLVE_IN_ROOT cannot be watched", call_openat2_in_root},
#ifdef __x86_64__
    {"the import runs a program of another architecture, which cannot be watched",
        call_other_architecture},
#endif
};

static int run_call(void *data)
{
    const struct refused *row = data;

    return row->call();
}

static void test_refused(const struct refused *row)
{
    struct recorder recorder;
    struct problem problem = {{0}};
    int status = -1;

    unit_case("refused: %s", row->text);
    recorder_init(&recorder, no_strings, no_strings);
    int r =
        watch_run(&recorder, run_call, (void *)(uintptr_t)row, DEADLINE_NEVER, &status, &problem);
    unit_same_int("result", r, -EOPNOTSUPP);
    unit_same_slice("problem", slice_of(problem.text), slice_of(row->text));
    recorder_done(&recorder);
}

/* ---- the end of the child ------------------------------------------------------------------- */

static int run_forever(void *data)
{
    while (access("/", F_OK) == 0)
        ;
    return *(int *)data;
}

static int run_exit(void *data)
{
    return *(int *)data;
}

static int run_kill(void *data)
{
    (void)data;
    return raise(SIGKILL);
}

/* Interrupts a call that waits for the answer. */
static void on_alarm(int number)
{
    (void)number;
}

static int run_interrupted(void *data)
{
    const struct itimerval often = {{0, 500}, {0, 500}};
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

    (void)data;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 2000; i++)
        if (access("/", F_OK) < 0)
            return 1;
    return 0;
}

static int watch(int (*function)(void *), void *data, usec_t deadline, int *ret_status)
{
    struct recorder recorder;

    recorder_init(&recorder, no_strings, no_strings);
    int r = watch_run(&recorder, function, data, deadline, ret_status, NULL);
    recorder_done(&recorder);
    return r;
}

/* The kernel allows one supervisor. */
static int run_nested(void *data)
{
    int status;

    return watch(run_exit, data, DEADLINE_NEVER, &status) != -EBUSY;
}

/* A child that looks at a file when the watch is over, and writes what comes of it. */
static int run_left(void *data)
{
    const int *pipes = data; /* the end of the watch is that of the first one */
    char byte = 0;

    if (fork() != 0)
        return 0;
    close(pipes[1]);
    _exit(read(pipes[0], &byte, 1) < 0 || access("/", F_OK) == 0 ||
        write(pipes[3], &errno, sizeof(errno)) < 0);
}

static void test_left(void)
{
    int pipes[4], status = -1, error = 0;

    unit_case("a child that is left cannot look at files unwatched");
    unit_ok(pipe(pipes) == 0 && pipe(pipes + 2) == 0, "pipe: %m");
    unit_same_int("result", watch(run_left, pipes, DEADLINE_NEVER, &status), 0);
    close(pipes[1]);
    close(pipes[3]);
    unit_ok(read(pipes[2], &error, sizeof(error)) == sizeof(error), "it answers");
    unit_same_int("error", error, ENOSYS);
    close(pipes[0]);
    close(pipes[2]);
}

static void test_ends(void)
{
    int status = 0, three = 3;

    unit_case("the status of the child");
    unit_same_int("result", watch(run_exit, &three, DEADLINE_NEVER, &status), 0);
    unit_ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "exited: %d", status);
    unit_same_int("result", watch(run_kill, NULL, DEADLINE_NEVER, &status), 0);
    unit_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "killed: %d", status);

    unit_case("a deadline ends a child that never rests");
    usec_t deadline = deadline_after(USEC_PER_SEC / 20);
    unit_same_int("result", watch(run_forever, &three, deadline, &status), -ETIMEDOUT);

    unit_case("a watch inside of another one");
    unit_same_int("result", watch(run_nested, &three, DEADLINE_NEVER, &status), 0);
    unit_same_int("status", status, 0);

    unit_case("signals interrupt calls that wait");
    unit_same_int("result", watch(run_interrupted, NULL, DEADLINE_NEVER, &status), 0);
    unit_same_int("status", status, 0);
}

/* ---- the parent ----------------------------------------------------------------------------- */

static int count_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    int count = 0;

    while (stream && readdir(stream))
        count++;
    if (stream)
        closedir(stream);
    return count;
}

static bool has_line(const char *path, const char *line)
{
    char text[8192] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    return n > 0 && strstr(text, line);
}

static int run_status(void *data)
{
    (void)data;
    return !has_line("/proc/self/status", "\nSeccomp:\t2\n");
}

static void test_parent(void)
{
    int status = -1, before = count_descriptors();
    bool is_filtered = has_line("/proc/self/status", "\nSeccomp:\t2\n");

    unit_case("nothing is left of the watch in the parent");
    unit_same_int("result", watch(run_status, NULL, DEADLINE_NEVER, &status), 0);
    unit_same_int("the child has a filter", status, 0);
    unit_same_int("descriptors", count_descriptors(), before);
    unit_ok(is_filtered || has_line("/proc/self/status", "\nSeccomp:\t0\n"), "no filter");
    unit_ok(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD, "no child");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    test_system_calls();
    for (size_t i = 0; i < COUNT(refused); i++)
        test_refused(&refused[i]);
    test_ends();
    test_left();
    test_parent();
    return unit_done();
}
