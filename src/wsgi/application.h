#pragma once

/* The app: found by its name, imported, called upon. Free of Python types. */

#include <stddef.h>

struct problem;

struct application_source {
    const char *name;        /* see application_load */
    const char *const *path; /* `n_path` directories for the front of sys.path */
    size_t n_path;
};

struct application {
    struct _object *callable; /* a PyObject; a reference that is kept until the process ends */
};

/* Loads the app by its name: "module:callable", "module:factory()", "module" or a file:
 * "path/app.wsgi", "path/app.py", "path/app.py:callable". Names may be dotted. Without a callable,
 * `application` is tried, then `app`. The directory of the file, or the working directory, is put
 * into sys.path for it. What the import leaves on the heap is frozen, and garbage collection is on
 * afterwards.
 *
 * Returns 0, or the exit status of sysexits(3), EX_SOFTWARE, EX_CONFIG or EX_OSERR, with
 * *ret_problem; the traceback of an exception was printed then. */
int application_load(
    const struct application_source *source, struct application *ret, struct problem *ret_problem);

/* What it is, for people: "function app, /srv/blog/blog.py:3", or "Flask object of flask.app". On
 * the heap; NULL when that fails. */
char *application_describe(const struct application *application);
