#pragma once

/* `wsgi-once --check`: finds out whether the app can be imported, and describes it. */

#include "options/options.h"

/* Imports the app in a process of its own, the same way as for serving, with the warm-up. Needs no
 * socket. Then prints to standard output, for people: the interpreter, the virtual environment,
 * sys.path, the app, and the cost of the import. Prints nothing there if the import fails. Blocks
 * until the import has ended, or --import-timeout and a second for tracebacks have passed.
 *
 * Returns 0, or the exit status that serving would have had, after logging the same messages; or
 * EX_OSERR if the import cannot be started. Standard output is not flushed. SIGCHLD stays blocked.
 */
int check_application(const struct options *options);
