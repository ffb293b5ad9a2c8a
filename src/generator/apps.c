#include "generator/apps.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char suffix[] = ".conf";
/* The longest argument of execve(2). A longer file is not an app's. */
enum { MAX_SIZE = 128 << 10 };

/* ---- finding -------------------------------------------------------------------------------- */

static bool is_conf_name(const char *name)
{
    size_t size = strlen(name), suffix_size = sizeof(suffix) - 1;

    return *name != '.' && size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static bool is_known(const struct apps *apps, const char *name, size_t size)
{
    for (size_t i = 0; i < apps->count; i++)
        if (strlen(apps->files[i].name) == size && memcmp(apps->files[i].name, name, size) == 0)
            return true;
    return false;
}

/* Takes ownership of the path. */
static void add_app_file(struct apps *apps, char *path, struct diagnostics *diagnostics)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t size = strlen(base) - (is_conf_name(base) ? sizeof(suffix) - 1 : 0);

    if (is_known(apps, base, size)) {
        free(path);
        return;
    }
    struct app_file *files = realloc(apps->files, (apps->count + 1) * sizeof(*files));
    char *name = strndup(base, size);
    if (files)
        apps->files = files;
    if (!files || !name) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        free(name);
        free(path);
        return;
    }
    files[apps->count++] = (struct app_file){.name = name, .path = path};
}

static void find_in_directory(
    struct apps *apps, const char *directory_path, struct diagnostics *diagnostics)
{
    DIR *directory = opendir(directory_path);
    struct dirent *entry;

    if (!directory) {
        if (errno != ENOENT && errno != ENOTDIR)
            diagnostics_error(diagnostics, directory_path, 0, "cannot read: %m");
        return;
    }
    while ((entry = readdir(directory))) {
        char *path;
        if (is_conf_name(entry->d_name) &&
            asprintf(&path, "%s/%s", directory_path, entry->d_name) >= 0)
            add_app_file(apps, path, diagnostics);
    }
    closedir(directory);
}

static int compare_app_files(const void *a, const void *b)
{
    return strcmp(((const struct app_file *)a)->name, ((const struct app_file *)b)->name);
}

void apps_find(struct apps *apps, const char *root, const char *const *directories,
    struct diagnostics *diagnostics)
{
    for (; *directories; directories++) {
        _cleanup_(freep) char *path = NULL;
        if (asprintf(&path, "%s%s", root, *directories) >= 0)
            find_in_directory(apps, path, diagnostics);
    }
    if (apps->count > 0)
        qsort(apps->files, apps->count, sizeof(*apps->files), compare_app_files);
}

void apps_add(struct apps *apps, const char *path, struct diagnostics *diagnostics)
{
    char *copy = strdup(path);

    if (copy)
        add_app_file(apps, copy, diagnostics);
}

void apps_done(struct apps *apps)
{
    for (size_t i = 0; i < apps->count; i++) {
        free(apps->files[i].name);
        free(apps->files[i].path);
    }
    free(apps->files);
    *apps = (struct apps){0};
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool is_null_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

static char *read_stream(FILE *stream, size_t *ret_size)
{
    char *text = malloc(MAX_SIZE + 1);
    size_t size = text ? fread(text, 1, MAX_SIZE + 1, stream) : 0;

    if (text && !ferror(stream) && size <= MAX_SIZE) {
        text[size] = '\0';
        *ret_size = size;
        return text;
    }
    if (text && !ferror(stream))
        errno = EFBIG;
    free(text);
    return NULL;
}

char *apps_read(const struct app_file *file, struct diagnostics *diagnostics)
{
    /* Never block on a FIFO: this may run at boot. */
    _cleanup_(closep) int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    size_t size;

    if (fd < 0 || fstat(fd, &status) < 0) {
        diagnostics_error(diagnostics, file->path, 0, "cannot read: %m");
        return NULL;
    }
    if (is_null_device(&status) || (S_ISREG(status.st_mode) && status.st_size == 0))
        return NULL;
    if (!S_ISREG(status.st_mode)) {
        diagnostics_error(diagnostics, file->path, 0, "not a regular file");
        return NULL;
    }
    FILE *stream = fdopen(fd, "r");
    if (stream)
        take_fd(&fd);
    char *text = stream ? read_stream(stream, &size) : NULL;
    if (!text)
        diagnostics_error(diagnostics, file->path, 0, "cannot read: %m");
    else if (strlen(text) < size) {
        diagnostics_error(diagnostics, file->path, 0, "contains a NUL byte: not a text file");
        free(text);
        text = NULL;
    }
    if (stream)
        fclose(stream);
    return text;
}
