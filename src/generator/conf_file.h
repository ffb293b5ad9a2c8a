#pragma once

/* A file in the syntax of unit files: systemd.syntax(7). Does no I/O except reporting errors. */

#include "generator/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>

struct assignment {
    unsigned line; /* its first line, from 1 */
    const char *section;
    const char *key;
    const char *value; /* without surrounding white space, continuation lines joined */
};

struct conf_file {
    const char *path;
    struct assignment *assignments; /* on the heap; `count` of them, in the order of the file */
    size_t count;
};

/* Parses the text of a file, in place: the assignments point into it. Reports each error with its
 * line and continues after it, so that all errors show at once. Call conf_file_done afterwards. */
void conf_file_parse(
    struct conf_file *file, const char *path, char *text, struct diagnostics *diagnostics);

void conf_file_done(struct conf_file *file);

/* Whether a later assignment to the same key replaces this one. In a list, only an empty assignment
 * does. */
bool conf_file_is_replaced(
    const struct conf_file *file, const struct assignment *assignment, bool is_list);

/* Returns the last value of a key in a section, or NULL. */
const char *conf_file_get(const struct conf_file *file, const char *section, const char *key);
