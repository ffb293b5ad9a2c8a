#pragma once

/* The files of all apps: NAME.conf in several directories. */

#include "generator/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>

struct app_file {
    char *name; /* without ".conf" */
    char *path;
};

struct apps {
    struct app_file *files; /* on the heap, by name; `count` of them */
    size_t count;
};

/* Finds the files in the directories (NULL behind the last one), below `root`. Of several files
 * with the same name, that of the first directory counts. Hidden files and those that do not end
 * with .conf are not looked at; directories need not exist. Errors are reported. To be followed by
 * apps_done. */
void apps_find(struct apps *apps, const char *root, const char *const *directories,
    struct diagnostics *diagnostics);

/* Adds one file by its path; its name is that of the file without ".conf". */
void apps_add(struct apps *apps, const char *path, struct diagnostics *diagnostics);

void apps_done(struct apps *apps);

/* Reads the file whole. Returns the text, on the heap, with a NUL behind it and none in it; NULL
 * when the file is masked (empty, or a link to /dev/null), cannot be read or is no text, which was
 * reported. */
char *apps_read(const struct app_file *file, struct diagnostics *diagnostics);
