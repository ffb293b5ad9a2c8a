#pragma once

/* An app, as its file describes it: checked, and ready to be written as units. */

#include "base/deadline.h"
#include "generator/conf_file.h"

#include <stdbool.h>
#include <stddef.h>

struct app {
    const char *name; /* "blog" of blog.conf */
    const struct conf_file *file;
    bool accept;  /* a process for each connection: Accept=yes in [Socket] */
    bool single;  /* --single */
    char **words; /* the command line behind the program's name, on the heap; specifiers of
                     systemd.unit(5) are still in there */
    size_t n_words;
    usec_t longest_request; /* what the deadlines give a request, microseconds; 0: no bound */
};

/* Checks an app's name, which becomes a part of names of units, users and directories. Returns
 * NULL, or what is wrong with it (static). */
const char *app_check_name(const char *name);

/* Whether it says where the socket listens: ListenStream= and its kin. */
bool app_is_listening(const struct assignment *assignment);

/* Understands the file of the app with that name. Returns whether it is right; each error was
 * reported with its line. To be followed by app_done. */
bool app_read(struct app *app, const char *name, const struct conf_file *file,
    struct diagnostics *diagnostics);

void app_done(struct app *app);
