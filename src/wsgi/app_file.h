#pragma once

/* Imports an app's file with Python's import system, whatever the name of the file. Internal to
 * wsgi/. */

#include "wsgi/object.h"

/* Imports the file at this absolute path. A .py file without other dots becomes the module of its
 * own name. Any other file becomes `__mp_main__`, which shadows no module. multiprocessing gives
 * that name to the main program in the processes that it starts, so these find what the file
 * defines.
 *
 * Returns the module that sys.modules has after the import, or NULL with an exception: ImportError
 * if a module of that name exists already. New reference. */
PyObject *app_file_import(const char *path);
