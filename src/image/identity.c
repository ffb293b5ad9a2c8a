#include "image/identity.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* FNV-1a. */
#define NAMES_BEGIN 0xcbf29ce484222325
#define NAMES_PRIME 0x100000001b3

static uint64_t since_1970(struct timespec time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void set_identity(const struct stat *status, bool with_directory, struct identity *ret)
{
    mode_t mode = status->st_mode;

    *ret = (struct identity){.mode = mode};
    if (!S_ISREG(mode) && !S_ISLNK(mode) && !(S_ISDIR(mode) && with_directory))
        return;
    ret->device = status->st_dev;
    ret->inode = status->st_ino;
    ret->size = (uint64_t)status->st_size;
    ret->modified = since_1970(status->st_mtim);
    ret->changed = since_1970(status->st_ctim);
}

int identity_get(const char *path, bool follow, struct identity *ret)
{
    struct stat status;

    if (fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    set_identity(&status, false, ret);
    return 0;
}

/* ---- listings ------------------------------------------------------------------------------- */

static uint64_t hash_name(unsigned char type, const char *name)
{
    uint64_t hash = (NAMES_BEGIN ^ type) * NAMES_PRIME;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * NAMES_PRIME;
    return hash ^ hash >> 32; /* or the low bits of the sum would depend on low bits only */
}

/* A sum does not depend on the order of the names. */
static uint64_t sum_names(const char *entries, size_t size)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < size;) {
        const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
        sum += hash_name(entry->d_type, entry->d_name) * NAMES_PRIME;
        at += entry->d_reclen;
    }
    return sum;
}

/* Not readdir(3), which allocates. */
static int read_names(const char *path, uint64_t *ret)
{
    _Alignas(struct dirent64) char entries[16384];
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    uint64_t sum = NAMES_BEGIN;
    long n;

    if (fd < 0)
        return -errno;
    while ((n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
        sum += sum_names(entries, (size_t)n);
    if (n < 0)
        return -errno;
    *ret = sum;
    return 0;
}

int identity_get_listing(const char *path, bool names, struct identity *ret)
{
    struct identity identity;
    struct stat status;

    if (fstatat(AT_FDCWD, path, &status, 0) < 0)
        return -errno;
    set_identity(&status, true, &identity);
    int r = names && S_ISDIR(status.st_mode) ? read_names(path, &identity.names) : 0;
    if (r == 0)
        *ret = identity;
    return r;
}

/* ---- comparisons ---------------------------------------------------------------------------- */

bool identity_equal(const struct identity *a, const struct identity *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* no padding: all members have one size */
}

bool identity_lists_equal(const struct identity *a, const struct identity *b)
{
    return a->mode == b->mode && a->names == b->names;
}
