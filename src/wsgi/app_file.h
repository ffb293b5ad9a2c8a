#pragma once

/* An app's file, imported by Python's own import system, whatever the file is called. Internal to
 * wsgi/. */

#include "wsgi/object.h"

/* Imports the file at this absolute path. It is the module of its own name if that is one that an
 * `import` statement's machinery finds: that of a .py file without further dots. Else it is
 * `__mp_main__`, which is what multiprocessing calls the file of a program in processes that it
 * starts: they find there what was defined in the file, and no other module is shadowed.
 *
 * Returns what sys.modules has for it then, or NULL with an exception, ImportError if there is a
 * module of the name already. New reference. */
PyObject *app_file_import(const char *path);
