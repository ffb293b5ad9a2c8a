#pragma once

/* A file in the syntax of unit files: systemd.syntax(7). Pure: text in, assignments out. */

#include "generator/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>

struct assignment {
    unsigned line; /* where it begins, from 1 */
    const char *section;
    const char *key;
    const char *value; /* without white space around it, continuation lines joined */
};

struct conf_file {
    const char *path;
    struct assignment *assignments; /* on the heap; `count` of them, in their order */
    size_t count;
};

/* Takes a file apart, whose text is written to: the assignments point into it. Errors are reported,
 * each with its line; what can be understood is taken nevertheless, so that all errors show at
 * once. To be followed by conf_file_done. */
void conf_file_parse(
    struct conf_file *file, const char *path, char *text, struct diagnostics *diagnostics);

void conf_file_done(struct conf_file *file);

/* Whether a later assignment to the same key takes the place of this one; in a list, only an empty
 * one does. */
bool conf_file_is_replaced(
    const struct conf_file *file, const struct assignment *assignment, bool is_list);

/* The last value that a key was given in a section, or NULL. */
const char *conf_file_get(const struct conf_file *file, const char *section, const char *key);
