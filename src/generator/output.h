#pragma once

/* Writes units into the directory that systemd gives, or prints them for --dry-run. */

#include "generator/diagnostics.h"

#include <stdio.h>

struct output {
    const char *directory;
    bool dry_run; /* print to standard output what would be written */
    struct diagnostics *diagnostics;
};

/* Creates a file. `name` may have one directory in front, which is created. Returns NULL after
 * reporting an error. Call output_close on the result. */
FILE *output_open(struct output *output, const char *name);

/* Closes the file. Reports an error if it could not be written completely. */
void output_close(struct output *output, const char *name, FILE *file);

/* Creates a symbolic link, unless it exists. `name` as for output_open. Reports errors. */
void output_link(struct output *output, const char *name, const char *target);
