#pragma once

/* `wsgi-once --check`: whether the app can be loaded, and what it is then. */

#include "options/options.h"

/* Loads the app in a process of its own, as serving would, with the warm-up; it needs no socket.
 * Then prints to standard output, in lines for people: the interpreter, the virtual environment,
 * sys.path, the app, and what loading it took. Nothing is printed to it when that fails.
 *
 * Returns 0, or the exit status that serving would have had, after the same messages. Standard
 * output is not flushed. */
int check_application(const struct options *options);
