#include "image/descriptors.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "image/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- what an image can hold ----------------------------------------------------------------- */

static const char *describe_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFSOCK: return "a socket";
    case S_IFIFO: return "a pipe";
    case S_IFREG: return "a file";
    case S_IFDIR: return "a directory";
    case S_IFCHR:
    case S_IFBLK: return "a device";
    default: return "a descriptor";
    }
}

/* null, zero, full, random and urandom: see the kernel's Documentation/admin-guide/devices.txt. */
static bool is_memory_device(const struct stat *status)
{
    const unsigned number = minor(status->st_rdev);

    return S_ISCHR(status->st_mode) && major(status->st_rdev) == 1 &&
        (number == 3 || number == 5 || number == 7 || number == 8 || number == 9);
}

/* When the file was created, in nanoseconds; or 0. */
static int64_t birth_of(int fd, const char *path)
{
    struct statx status;

    if (statx(fd, path, path[0] ? 0 : AT_EMPTY_PATH, STATX_BTIME, &status) < 0 ||
        !(status.stx_mask & STATX_BTIME))
        return 0;
    return status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
}

/* Whether the name leads to what was opened, and will do so in another process. */
static bool has_lasting_name(const char *path, const struct stat *opened)
{
    struct stat named;

    if (path[0] != '/' || (strncmp(path, "/proc/", 6) == 0 && isdigit((unsigned char)path[6])))
        return false;
    return stat(path, &named) == 0 && named.st_dev == opened->st_dev &&
        named.st_ino == opened->st_ino;
}

static int refuse_descriptor(
    int fd, const struct stat *status, const char *path, struct problem *ret_problem)
{
    bool has_kind_in_name = S_ISREG(status->st_mode) && strstr(path, " (deleted)");

    return problem_set(ret_problem, 1,
        "the import has left %s open (descriptor %d, %s): open it when a request needs it",
        has_kind_in_name ? "a deleted file" : describe_kind(status->st_mode), fd, path);
}

/* Reads from the text of /proc/self/fdinfo/FD how the file is locked. Returns false for a lock that
 * belongs to a process or is for a part of the file. */
static bool parse_locks(const char *text, uint32_t *ret_lock)
{
    *ret_lock = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t size = strcspn(line, "\n");
        if (strncmp(line, "lock:", 5) != 0)
            continue;
        if (!memmem(line, size, " FLOCK ", 7))
            return false;
        *ret_lock = memmem(line, size, " WRITE ", 7) ? LOCK_EX : LOCK_SH;
    }
    return true;
}

static int find_lock(
    int fd, const char *path, struct image_descriptor *descriptor, struct problem *ret_problem)
{
    char info[64], text[4096];

    snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
    long size = process_read(info, text, sizeof(text) - 1);
    if (size < 0)
        return problem_set(ret_problem, 1, "cannot read %s: %s", info, strerror((int)-size));
    text[size] = '\0';
    if (parse_locks(text, &descriptor->lock))
        return 0;
    return problem_set(
        ret_problem, 1, "the import has locked '%s': lock it when a request needs it", path);
}

int descriptor_describe(
    int fd, struct image_descriptor *ret, char path[static PATH_MAX], struct problem *ret_problem)
{
    char link[64];
    struct stat status = {0};
    int flags = fcntl(fd, F_GETFL), of_descriptor = fcntl(fd, F_GETFD);

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0 || flags < 0 || of_descriptor < 0 || fstat(fd, &status) < 0)
        return problem_set(ret_problem, 1, "cannot look at descriptor %d: %m", fd);
    path[size] = '\0';
    if (!(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || is_memory_device(&status)) ||
        !has_lasting_name(path, &status) || (flags & O_ASYNC))
        return refuse_descriptor(fd, &status, path, ret_problem);
    *ret = (struct image_descriptor){
        .device = status.st_dev,
        .inode = status.st_ino,
        .born = birth_of(fd, ""),
        .kind = status.st_mode & S_IFMT,
        .offset = S_ISREG(status.st_mode) ? lseek(fd, 0, SEEK_CUR) : 0,
        .number = (uint32_t)fd,
        .flags = ((uint32_t)flags & ~(IMAGE_NO_OPEN_FLAGS | (uint32_t)O_CLOEXEC)) |
            ((of_descriptor & FD_CLOEXEC) != 0 ? (uint32_t)O_CLOEXEC : 0),
    };
    if (ret->offset < 0) /* opened with O_PATH */
        ret->offset = 0;
    return find_lock(fd, path, ret, ret_problem);
}

bool descriptors_are_same(const struct image_descriptor *a, const struct image_descriptor *b)
{
    const uint32_t own = O_CLOEXEC;

    if (a->device != b->device || a->inode != b->inode || a->offset != b->offset ||
        (a->flags & ~own) != (b->flags & ~own))
        return false;
    if (lseek((int)a->number, a->offset + 1, SEEK_SET) < 0)
        return false; /* a device, or opened with O_PATH: no state to share */
    bool is_same = lseek((int)b->number, 0, SEEK_CUR) == a->offset + 1;
    lseek((int)a->number, a->offset, SEEK_SET);
    return is_same;
}

/* ---- a list --------------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    const int *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* What getdents64(2) writes. Not all of it is used here. */
struct entry {
    uint64_t inode; /* cppcheck-suppress unusedStructMember */
    int64_t next;   /* cppcheck-suppress unusedStructMember */
    uint16_t size;
    uint8_t kind; /* cppcheck-suppress unusedStructMember */
    char name[];
};

int descriptors_list(int *numbers, size_t size)
{
    _cleanup_(closep) int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char buffer[4096] __attribute__((aligned(8)));
    size_t n = 0;
    long bytes;

    if (directory < 0)
        return -errno;
    while ((bytes = syscall(SYS_getdents64, directory, buffer, sizeof(buffer))) > 0) {
        const struct entry *entry;
        for (long at = 0; at < bytes; at += entry->size) {
            entry = (const void *)(buffer + at);
            int fd = (int)strtol(entry->name, NULL, 10);
            if (fd <= STDERR_FILENO || fd == directory) /* "." and ".." are 0 */
                continue;
            if (n == size)
                return -E2BIG;
            numbers[n++] = fd;
        }
    }
    if (bytes < 0)
        return -errno;
    qsort(numbers, n, sizeof(*numbers), compare_numbers);
    return (int)n;
}

/* ---- opening again -------------------------------------------------------------------------- */

/* Moves a descriptor to the number, which may be the one that it has. */
static int move_descriptor(int fd, const struct image_descriptor *to)
{
    bool is_inherited = !(to->flags & O_CLOEXEC);
    int r = 0;

    if (fd == (int)to->number)
        return is_inherited && fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    if (dup3(fd, (int)to->number, is_inherited ? 0 : O_CLOEXEC) < 0)
        r = -errno;
    close(fd);
    return r;
}

static int check_file(const struct stat *status, int64_t born,
    const struct image_descriptor *descriptor, const char *path, struct problem *ret_problem)
{
    if (status->st_dev != descriptor->device || status->st_ino != descriptor->inode ||
        born != descriptor->born || (status->st_mode & S_IFMT) != descriptor->kind)
        return problem_set(ret_problem, -1, "'%s', which it has open, has been replaced", path);
    if (S_ISREG(status->st_mode) && status->st_size < descriptor->offset &&
        !(descriptor->flags & O_APPEND))
        return problem_set(ret_problem, -1, "'%s', which it has open, has become shorter", path);
    return 0;
}

static int restore_description(int fd, const struct image_descriptor *descriptor, const char *path,
    struct problem *ret_problem)
{
    if (descriptor->offset > 0 && lseek(fd, descriptor->offset, SEEK_SET) < 0)
        return problem_set(ret_problem, IMAGE_STAYS, "cannot seek in '%s': %m", path);
    if (descriptor->lock != 0 && flock(fd, (int)descriptor->lock | LOCK_NB) < 0)
        return problem_set(ret_problem, IMAGE_STAYS, "cannot lock '%s' again: %m", path);
    return 0;
}

static int report_unopened(const char *path, struct problem *ret_problem)
{
    bool is_missing = errno == ENOENT;

    return problem_set(
        ret_problem, is_missing ? -1 : IMAGE_STAYS, "cannot open '%s' again: %m", path);
}

/* Opens the file under any number. Returns 0, or as descriptors_open does. */
static int open_again(const struct image *image, const struct image_descriptor *descriptor,
    int *ret_fd, struct problem *ret_problem)
{
    const char *path = image->strings + descriptor->path;
    struct stat status;

    if (descriptor->same > 0) {
        const struct image_descriptor *other = &image->descriptors[descriptor->same - 1];
        *ret_fd = fcntl((int)other->number, F_DUPFD_CLOEXEC, 0);
        return *ret_fd >= 0 ? 0 : report_unopened(path, ret_problem);
    }
    /* To open another file may wait, if it is a fifo, or have an effect. */
    if (stat(path, &status) < 0)
        return report_unopened(path, ret_problem);
    int r = check_file(&status, birth_of(AT_FDCWD, path), descriptor, path, ret_problem);
    if (r != 0)
        return r;
    int fd = open(path, (int)(descriptor->flags & ~IMAGE_NO_OPEN_FLAGS) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return report_unopened(path, ret_problem);
    if (fstat(fd, &status) < 0)
        r = problem_set(ret_problem, IMAGE_STAYS, "cannot look at '%s': %m", path);
    else
        r = check_file(&status, birth_of(fd, ""), descriptor, path, ret_problem);
    if (r == 0)
        r = restore_description(fd, descriptor, path, ret_problem);
    if (r == 0)
        *ret_fd = fd;
    else
        close(fd);
    return r;
}

/* Whether the number is one of those that are still to be opened. */
static bool is_wanted(const struct descriptors *descriptors, int number)
{
    const struct image *image = descriptors->image;

    for (uint64_t i = descriptors->n_open; i < image->header->descriptors.count; i++)
        if (image->descriptors[i].number == (uint32_t)number)
            return true;
    return false;
}

/* Moves the connection out of the way of the image's descriptors. */
static int move_connection(struct descriptors *descriptors, struct problem *ret_problem)
{
    const struct image *image = descriptors->image;
    uint64_t count = image->header->descriptors.count;
    int after = count > 0 ? (int)image->descriptors[count - 1].number + 1 : 0;

    if (!is_wanted(descriptors, descriptors->before))
        return 0;
    int fd = fcntl(descriptors->before, F_DUPFD_CLOEXEC, after);
    if (fd < 0)
        return problem_set(
            ret_problem, IMAGE_STAYS, "no descriptor is left for the connection: %m");
    close(descriptors->before);
    descriptors->connection = fd;
    return 0;
}

/* A number that is about to be used may be that of another descriptor. */
static int check_free(const struct image_descriptor *descriptor, struct problem *ret_problem)
{
    if (fcntl((int)descriptor->number, F_GETFD) < 0)
        return 0;
    return problem_set(
        ret_problem, IMAGE_STAYS, "descriptor %u, which it has, is in use", descriptor->number);
}

static int open_descriptor(const struct image *image, const struct image_descriptor *descriptor,
    struct problem *ret_problem)
{
    int fd = -1, r = check_free(descriptor, ret_problem);

    if (r == 0)
        r = open_again(image, descriptor, &fd, ret_problem);
    if (r != 0)
        return r;
    r = move_descriptor(fd, descriptor);
    return r == 0 ? 0
                  : problem_set(ret_problem, IMAGE_STAYS, "cannot open descriptor %u: %s",
                        descriptor->number, strerror(-r));
}

int descriptors_open(
    struct descriptors *ret, const struct image *image, int connection, struct problem *ret_problem)
{
    *ret = (struct descriptors){.image = image, .connection = connection, .before = connection};
    int r = move_connection(ret, ret_problem);
    for (uint64_t i = 0; r == 0 && i < image->header->descriptors.count; i++) {
        r = open_descriptor(image, &image->descriptors[i], ret_problem);
        if (r == 0)
            ret->n_open++;
    }
    return r;
}

void descriptors_undo(struct descriptors *descriptors)
{
    for (uint64_t i = 0; i < descriptors->n_open; i++)
        close((int)descriptors->image->descriptors[i].number);
    descriptors->n_open = 0;
    if (descriptors->connection == descriptors->before)
        return;
    dup3(descriptors->connection, descriptors->before, O_CLOEXEC);
    close(descriptors->connection);
    descriptors->connection = descriptors->before;
}
