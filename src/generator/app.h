#pragma once

/* An app as its file describes it, checked. */

#include "base/deadline.h"
#include "generator/conf_file.h"

#include <stdbool.h>
#include <stddef.h>

struct app {
    const char *name; /* "blog" of blog.conf */
    const struct conf_file *file;
    bool accept;  /* connection activation: Accept=yes in [Socket] */
    bool single;  /* --single */
    char **words; /* the command line after the program's name, on the heap; specifiers of
                     systemd.unit(5) are not expanded */
    size_t n_words;
    usec_t longest_request; /* in microseconds, the most that the timeouts allow; 0: no limit */
};

/* Checks an app's name, which becomes part of the names of units, users and directories. Returns
 * NULL, or what is wrong with it (static). */
const char *app_check_name(const char *name);

/* Whether the assignment is ListenStream= or another Listen...= of [Socket]. */
bool app_is_listening(const struct assignment *assignment);

/* Checks the file of the app with that name and fills in *app, which borrows both. Reports each
 * error with its line. Returns whether there was none. Call app_done in any case. */
bool app_read(struct app *app, const char *name, const struct conf_file *file,
    struct diagnostics *diagnostics);

void app_done(struct app *app);
