#include "image/notice.h"

#include "base/cleanup.h"
#include "image/calls.h"
#include "image/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PATH_ROOM = 2 * PATH_MAX };

/* ---- memory of the child -------------------------------------------------------------------- */

/* Reads at most `size` bytes, up to the end of a page: the next one may not exist. */
static ssize_t read_some(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), left = page - address % page;
    struct iovec local = {buffer, size < left ? size : left};
    struct iovec remote = {.iov_len = local.iov_len};

    memcpy(&remote.iov_base, &address, sizeof(remote.iov_base));
    return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

/* Returns 0; -EFAULT or -ENAMETOOLONG if the call fails for this reason as well; or -errno. */
static int read_path(pid_t pid, uint64_t address, char ret[PATH_MAX])
{
    for (size_t size = 0; size < PATH_MAX;) {
        ssize_t n = read_some(pid, address + size, ret + size, PATH_MAX - size);
        if (n <= 0)
            return n < 0 ? -errno : -EFAULT;
        if (memchr(ret + size, '\0', (size_t)n))
            return 0;
        size += (size_t)n;
    }
    return -ENAMETOOLONG;
}

static int read_how(pid_t pid, uint64_t address, struct open_how *ret)
{
    for (size_t size = 0; size < sizeof(*ret);) {
        ssize_t n = read_some(pid, address + size, (char *)ret + size, sizeof(*ret) - size);
        if (n <= 0)
            return n < 0 ? -errno : -EFAULT;
        size += (size_t)n;
    }
    return 0;
}

/* ---- absolute paths ------------------------------------------------------------------------- */

/* Whether the text of a link in /proc means that the directory has been removed. */
static bool is_removed(const char *path)
{
    static const char deleted[] = " (deleted)";
    size_t size = strlen(path), end = sizeof(deleted) - 1;

    return size > end && strcmp(path + size - end, deleted) == 0 && access(path, F_OK) < 0;
}

/* The path of a directory that is open in the child, or of its working directory. Returns -ENOENT
 * if it has been removed, so that nothing can be found in it, or is no file. */
static int find_directory(pid_t pid, int fd, char ret[PATH_MAX])
{
    char link[64];

    if (fd == AT_FDCWD)
        snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
    else
        snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
    ssize_t size = readlink(link, ret, PATH_MAX - 1);
    if (size < 0)
        return -errno;
    ret[size] = '\0';
    return ret[0] != '/' || is_removed(ret) ? -ENOENT : 0;
}

/* A descriptor that is not open, or not a directory, fails in the child, too: -ENOENT. */
static int make_absolute(pid_t pid, int fd, const char *path, char ret[PATH_ROOM])
{
    char directory[PATH_MAX];

    if (path[0] == '/') {
        snprintf(ret, PATH_ROOM, "%s", path);
        return 0;
    }
    int r = find_directory(pid, fd, directory);
    if (r < 0)
        return r;
    snprintf(ret, PATH_ROOM, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, path);
    return strlen(ret) < PATH_MAX ? 0 : -EOVERFLOW;
}

/* ---- kinds of calls ------------------------------------------------------------------------- */

static void look_at(struct recorder *recorder, const char *path, bool nofollow)
{
    recorder_look(recorder, nofollow ? DEPENDENCY_LINK : DEPENDENCY_FILE, path);
}

/* What a file that is opened for reading and writing contains counts: see recorder.h. With O_PATH
 * the kernel ignores the flags for writing. */
static void record_open(struct recorder *recorder, const char *path, uint64_t flags)
{
    bool only_writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_TRUNC);

    if ((flags & O_TMPFILE) == O_TMPFILE)
        recorder_look(recorder, DEPENDENCY_FILE, path);
    else if ((flags & O_CREAT) && (flags & O_EXCL))
        recorder_create(recorder, path);
    else if (only_writes && !(flags & O_PATH))
        recorder_write(recorder, path, flags & O_CREAT);
    else
        look_at(recorder, path, flags & O_NOFOLLOW);
}

static void record_openat2(
    struct recorder *recorder, const struct seccomp_notif *call, const char *path, uint64_t how)
{
    struct open_how flags;

    if (read_how((pid_t)call->pid, how, &flags) < 0)
        return; /* fails in the child, too */
    if (flags.resolve & RESOLVE_IN_ROOT)
        recorder_fail(recorder, -EOPNOTSUPP, "openat2(2) with RESOLVE_IN_ROOT cannot be watched");
    else
        record_open(recorder, path, flags.flags);
}

/* The interpreter of a script ("#!"), which the kernel opens itself. That of a program in machine
 * code is the dynamic loader, which this process has loaded as well. */
static void record_interpreter(struct recorder *recorder, const char *script)
{
    char line[256] = {0};
    _cleanup_(closep) int fd = open(script, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || pread(fd, line, sizeof(line) - 1, 0) < 4 || memcmp(line, "#!", 2) != 0)
        return;
    char *path = line + 2 + strspn(line + 2, " \t");
    path[strcspn(path, " \t\n")] = '\0';
    if (path[0] == '/')
        recorder_look(recorder, DEPENDENCY_FILE, path);
}

/* What is there is about to go: for the next import it is missing. */
static void record_absence(struct recorder *recorder, const char *path)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        recorder_look(recorder, DEPENDENCY_LINK, path);
}

static void record_path_of(struct recorder *recorder, const struct seccomp_notif *notice,
    const struct call *call, const char *path)
{
    uint64_t flags = call->flags >= 0 ? notice->data.args[call->flags] : 0;

    switch (call->kind) {
    case CALL_FOLLOW: recorder_look(recorder, DEPENDENCY_FILE, path); break;
    case CALL_EXECUTE:
        recorder_look(recorder, DEPENDENCY_FILE, path);
        record_interpreter(recorder, path);
        break;
    case CALL_LINK: recorder_look(recorder, DEPENDENCY_LINK, path); break;
    case CALL_AT_FLAGS: look_at(recorder, path, flags & AT_SYMLINK_NOFOLLOW); break;
    case CALL_OPEN: record_open(recorder, path, flags); break;
    case CALL_OPENAT2: record_openat2(recorder, notice, path, flags); break;
    case CALL_CREATE: recorder_create(recorder, path); break;
    case CALL_TAKE: record_absence(recorder, path); break;
    case CALL_RENAME:
        if (flags & RENAME_NOREPLACE)
            recorder_create(recorder, path);
        break;
    case CALL_LIST:
    case CALL_REFUSED: break;
    }
}

static int descriptor(const struct seccomp_notif *notice, const struct call *call)
{
    return call->directory >= 0 ? (int)notice->data.args[call->directory] : AT_FDCWD;
}

/* ---- a call --------------------------------------------------------------------------------- */

/* Whether the child itself fails, or is gone: then nothing depends on the path. */
static bool fails_in_child(int error)
{
    return error == -EFAULT || error == -ENAMETOOLONG || error == -ENOENT || error == -ESRCH ||
        error == -ENOTDIR;
}

static void note_failure(struct recorder *recorder, const struct call *call, int error)
{
    if (error < 0 && !fails_in_child(error))
        recorder_fail(recorder, error, "cannot watch %s(2) of the import: %s", call->name,
            strerrordesc_np(-error));
}

static void record_listing(
    struct recorder *recorder, const struct seccomp_notif *notice, const struct call *call)
{
    char path[PATH_MAX];
    int r = find_directory((pid_t)notice->pid, descriptor(notice, call), path);

    if (r == 0)
        recorder_look(recorder, DEPENDENCY_LISTING, path);
    note_failure(recorder, call, r);
}

/* An empty path means the descriptor itself (AT_EMPTY_PATH), which had a path when it was opened.
 */
static void record_call(
    struct recorder *recorder, const struct seccomp_notif *notice, const struct call *call)
{
    char path[PATH_MAX], absolute[PATH_ROOM];
    pid_t pid = (pid_t)notice->pid;
    uint64_t address = notice->data.args[call->path];

    int r = address != 0 ? read_path(pid, address, path) : -EFAULT;
    if (r == 0 && path[0] == '\0')
        return;
    if (r == 0)
        r = make_absolute(pid, descriptor(notice, call), path, absolute);
    if (r == 0)
        record_path_of(recorder, notice, call, absolute);
    note_failure(recorder, call, r);
}

void notice_record(struct recorder *recorder, const struct seccomp_notif *notice)
{
    const struct call *call = calls_next(notice->data.nr, NULL);

    if (notice->data.arch != FILTER_ARCH || !call)
        recorder_fail(recorder, -EOPNOTSUPP,
            "the import runs a program of another architecture, which cannot be watched");
    else if (call->kind == CALL_REFUSED)
        recorder_fail(recorder, -EOPNOTSUPP,
            "the import calls %s(2), after which paths cannot be watched", call->name);
    else if (call->kind == CALL_LIST)
        record_listing(recorder, notice, call);
    else
        for (; call; call = calls_next(notice->data.nr, call))
            record_call(recorder, notice, call);
}
