#pragma once

/* An app's file, imported by Python's own import system, whatever the file is called. Internal to
 * wsgi/. */

#include "wsgi/object.h"

/* Imports the file at this absolute path. A .py file without further dots is the module of its own
 * name. Any other file is `__mp_main__`: it shadows no module, and multiprocessing gives this name
 * to the file of a program in each process that it starts, so that what the file defines is found
 * there.
 *
 * Returns what sys.modules has for it then, or NULL with an exception, ImportError if there is a
 * module of the name already. New reference. */
PyObject *app_file_import(const char *path);
