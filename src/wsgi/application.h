#pragma once

/* The app: its name, its import, its description. Free of Python types. */

#include <stddef.h>

struct problem;

struct application_source {
    const char *name;        /* see application_load */
    const char *const *path; /* `n_path` directories that are put first in sys.path */
    size_t n_path;
};

struct application {
    struct _object *callable; /* a PyObject; the reference lives until the process ends */
};

/* Loads the app by its name: "module:callable", "module:factory()", "module", or a file:
 * "path/app.wsgi", "path/app.py", "path/app.py:callable". Names may be dotted. The default callable
 * is `application`, or else `app`. For a file, adds its directory to sys.path; for a module, the
 * working directory. On success, the objects that exist are exempt from garbage collection, which
 * is enabled.
 *
 * Returns 0, or the exit status of sysexits(3), EX_SOFTWARE, EX_CONFIG or EX_OSERR, with
 * *ret_problem. Prints the traceback of an exception. */
int application_load(
    const struct application_source *source, struct application *ret, struct problem *ret_problem);

/* Describes the app for --check: "function app, /srv/blog/blog.py:3", or "Flask object of
 * flask.app". On the heap; NULL on failure. */
char *application_describe(const struct application *application);
