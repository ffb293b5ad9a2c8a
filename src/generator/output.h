#pragma once

/* Where the units go: a directory that systemd has named, or, to be looked at, standard output. */

#include "generator/diagnostics.h"

#include <stdio.h>

struct output {
    const char *directory;
    bool dry_run; /* write to standard output what would be written there */
    struct diagnostics *diagnostics;
};

/* Begins a file; `name` may have one directory in front, which is made. Returns NULL when that
 * fails, which is reported. To be followed by output_close. */
FILE *output_open(struct output *output, const char *name);

/* Ends the file. What could not be written is reported. */
void output_close(struct output *output, const char *name, FILE *file);

/* Makes the symbolic link `name` (as above) with this target, if it is not there already. A failure
 * is reported. */
void output_link(struct output *output, const char *name, const char *target);
