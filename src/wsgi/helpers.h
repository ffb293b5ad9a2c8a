#pragma once

/* Calls functions that are written in Python, in helpers.py. Internal to wsgi/.
 *
 * The file is part of the program. Its functions are in no module, so the app does not see them.
 * All functions need the GIL.
 */

#include "wsgi/object.h"

/* Calls a function of helpers.py with the arguments, which are borrowed; those from the first NULL
 * on are left out. Compiles the function each time. New reference, or NULL with an exception. */
PyObject *helper_call(const char *name, PyObject *first, PyObject *second);

/* Calls a function of helpers.py that takes at most one argument and returns str. Returns the text
 * on the heap, encoded as Python encodes file names; NULL if it is empty or if the call fails. No
 * exception is set afterwards. */
char *helper_get_text(const char *name, PyObject *argument);
