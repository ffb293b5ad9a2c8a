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
    struct app_file *files; /* on the heap, sorted by name; `count` of them */
    size_t count;
};

/* Finds the files in the directories (an array that ends with NULL) below `root`. If several
 * directories have a file of the same name, the first directory wins. Ignores hidden files, files
 * that do not end with .conf, and directories that do not exist. Reports errors. Call apps_done
 * afterwards. */
void apps_find(struct apps *apps, const char *root, const char *const *directories,
    struct diagnostics *diagnostics);

/* Adds one file by its path. The app's name is the file's without ".conf". */
void apps_add(struct apps *apps, const char *path, struct diagnostics *diagnostics);

void apps_done(struct apps *apps);

/* Reads a whole file. Returns its text as a string on the heap; or NULL if the file is masked
 * (empty, or a link to /dev/null), or, after reporting an error, if it cannot be read or is not
 * text. */
char *apps_read(const struct app_file *file, struct diagnostics *diagnostics);
