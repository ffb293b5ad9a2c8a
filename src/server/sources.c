#include "server/sources.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- hashes --------------------------------------------------------------------------------- */

/* FNV-1a. */
#define HASH_BEGIN 0xcbf29ce484222325

static uint64_t hash(uint64_t state, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        state = (state ^ bytes[i]) * 0x100000001b3;
    return state;
}

static uint64_t hash_content(uint64_t state, int fd)
{
    char buffer[16384];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        state = hash(state, buffer, (size_t)n);
    return state;
}

/* Includes the time of the last change, so that touch(1) causes a reload. */
static uint64_t hash_file(int directory, const char *name)
{
    _cleanup_(closep) int fd =
        openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint64_t state = hash(HASH_BEGIN, name, strlen(name));
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return hash(state, &errno, fd < 0 ? sizeof(errno) : 0);
    return hash_content(hash(state, &status.st_mtim, sizeof(status.st_mtim)), fd);
}

static bool is_python(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && (strcmp(dot, ".py") == 0 || strcmp(dot, ".wsgi") == 0);
}

/* A subdirectory may be a package, with or without __init__.py (PEP 420). Whatever else it contains
 * is recorded when the import reads it. */
static uint64_t hash_subdirectory(int directory, const char *name)
{
    static const char *const parts[] = {".", "__init__.py"};
    char path[NAME_MAX + sizeof("/__init__.py")];
    uint64_t state = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", name, parts[i]);
        if (faccessat(directory, path, F_OK, 0) == 0)
            state = hash(state, path, strlen(path));
    }
    return state;
}

static uint64_t hash_entry(int directory, const char *name)
{
    if (is_python(name))
        return hash_file(directory, name);
    return strcmp(name, "__pycache__") == 0 ? 0 : hash_subdirectory(directory, name);
}

/* A sum does not depend on the order of the entries. */
static uint64_t hash_directory(DIR *directory)
{
    uint64_t sum = HASH_BEGIN;
    struct dirent *entry;

    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            sum += hash_entry(dirfd(directory), entry->d_name);
    return sum;
}

static uint64_t hash_path(const char *path)
{
    DIR *directory = opendir(path);

    if (!directory)
        return hash_file(AT_FDCWD, path);
    uint64_t state = hash_directory(directory);
    closedir(directory);
    return state;
}

/* ---- recorded paths ------------------------------------------------------------------------- */

int sources_init(struct sources *ret)
{
    int fd = memfd_create("wsgi-once-sources", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret = (struct sources){.fd = fd, .state = HASH_BEGIN};
    return 0;
}

void sources_done(struct sources *sources)
{
    closep(&sources->fd);
    free(sources->paths);
    *sources = SOURCES_NONE;
}

static bool is_recorded(const struct sources *sources, const char *path)
{
    for (const char *p = sources->paths; p && p < sources->paths + sources->size;
         p += strlen(p) + 1)
        if (strcmp(p, path) == 0)
            return true;
    return false;
}

static void append_path(struct sources *sources, const char *path, uint64_t state)
{
    size_t size = strlen(path) + 1;
    char *paths = realloc(sources->paths, sources->size + size);

    if (!paths)
        return;
    memcpy(paths + sources->size, path, size);
    sources->paths = paths;
    sources->size += size;
    sources->state = hash(sources->state, &state, sizeof(state));
}

/* One write per entry, because the process may be killed between two of them. */
static void record_path(struct sources *sources, const char *path)
{
    char entry[sizeof(uint64_t) + PATH_MAX];
    size_t size = strlen(path) + 1;

    if (sources->fd < 0 || size > PATH_MAX || is_recorded(sources, path))
        return;
    uint64_t state = hash_path(path);
    memcpy(entry, &state, sizeof(state));
    memcpy(entry + sizeof(state), path, size);
    if (pwrite(sources->fd, entry, sizeof(state) + size, lseek(sources->fd, 0, SEEK_END)) > 0)
        append_path(sources, path, state);
}

/* Symbolic links are not resolved: a link that gets another target is a change. */
static void record_absolute(struct sources *sources, const char *path)
{
    char cwd[PATH_MAX], absolute[2 * PATH_MAX];

    if (path[0] == '/')
        record_path(sources, path);
    if (path[0] == '/' || strlen(path) >= PATH_MAX || !getcwd(cwd, sizeof(cwd)))
        return;
    if (strcmp(path, ".") == 0)
        snprintf(absolute, sizeof(absolute), "%s", cwd);
    else
        snprintf(absolute, sizeof(absolute), "%s/%s", cwd, path);
    record_path(sources, absolute);
}

void sources_record_directory(struct sources *sources, const char *path)
{
    char real[PATH_MAX];

    record_absolute(sources, path);
    if (realpath(path, real))
        record_path(sources, real);
}

static void record_parent(struct sources *sources, const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == path ? 1 : slash ? (int)(slash - path) : 0;

    snprintf(directory, sizeof(directory), "%.*s", size > 0 ? size : 1, size > 0 ? path : ".");
    sources_record_directory(sources, directory);
}

/* Of a symbolic link, both the link and its target count. */
void sources_record_file(const char *path, void *data)
{
    struct sources *sources = data;
    char real[PATH_MAX];

    record_parent(sources, path);
    if (!is_python(path))
        record_absolute(sources, path);
    if (realpath(path, real))
        record_parent(sources, real);
}

void sources_load(struct sources *sources)
{
    char entry[sizeof(uint64_t) + PATH_MAX];
    off_t offset = 0;
    uint64_t state;
    ssize_t n;

    while ((n = pread(sources->fd, entry, sizeof(entry) - 1, offset)) > (ssize_t)sizeof(state)) {
        entry[n] = '\0';
        memcpy(&state, entry, sizeof(state));
        append_path(sources, entry + sizeof(state), state);
        offset += (off_t)(sizeof(state) + strlen(entry + sizeof(state)) + 1);
    }
}

uint64_t sources_hash(const struct sources *sources)
{
    uint64_t all = HASH_BEGIN;

    for (const char *p = sources->paths; p && p < sources->paths + sources->size;
         p += strlen(p) + 1) {
        uint64_t state = hash_path(p);
        all = hash(all, &state, sizeof(state));
    }
    return all;
}
