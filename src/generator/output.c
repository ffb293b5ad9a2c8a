#include "generator/output.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Creates the directory of a name that has one. Returns the whole path, on the heap, or NULL after
 * reporting an error. */
static char *make_path(struct output *output, const char *name)
{
    _cleanup_(freep) char *directory = NULL;
    const char *slash = strrchr(name, '/');
    int length = slash ? (int)(slash - name) : 0;
    char *path = NULL;

    if (asprintf(&directory, "%s/%.*s", output->directory, length, name) < 0 ||
        asprintf(&path, "%s/%s", output->directory, name) < 0) {
        diagnostics_error(output->diagnostics, name, 0, "out of memory");
        return NULL;
    }
    if (output->dry_run || !slash || mkdir(directory, 0755) == 0 || errno == EEXIST)
        return path;
    diagnostics_error(output->diagnostics, directory, 0, "cannot create: %m");
    free(path);
    return NULL;
}

FILE *output_open(struct output *output, const char *name)
{
    _cleanup_(freep) char *path = make_path(output, name);

    if (!path)
        return NULL;
    if (output->dry_run) {
        printf("# %s\n", path);
        return stdout;
    }
    FILE *file = fopen(path, "wxe");
    if (!file)
        diagnostics_error(output->diagnostics, path, 0, "cannot create: %m");
    return file;
}

void output_close(struct output *output, const char *name, FILE *file)
{
    bool failed = ferror(file);

    if (output->dry_run)
        failed = putchar('\n') == EOF || fflush(file) != 0 || failed;
    else
        failed = fclose(file) != 0 || failed;
    if (failed)
        diagnostics_error(output->diagnostics, name, 0, "cannot write: %m");
}

void output_link(struct output *output, const char *name, const char *target)
{
    _cleanup_(freep) char *path = make_path(output, name);

    if (path && output->dry_run)
        printf("# %s -> %s\n\n", path, target);
    else if (path && symlink(target, path) < 0 && errno != EEXIST)
        diagnostics_error(
            output->diagnostics, path, 0, "cannot create as a link to %s: %m", target);
}
