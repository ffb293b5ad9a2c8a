#pragma once

/* What every file of this folder needs of the C API. Internal to wsgi/. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base/cleanup.h"

static inline void decrefp(PyObject **object)
{
    Py_XDECREF(*object);
}

/* A local that owns a reference. */
#define _cleanup_ref_ _cleanup_(decrefp)

/* Hands a reference over: the variable is NULL afterwards. */
static inline PyObject *take_ref(PyObject **object)
{
    PyObject *taken = *object;
    *object = NULL;
    return taken;
}

/* The exception that is set, with its traceback attached; none is set afterwards. New reference, or
 * NULL when there was none. */
PyObject *exception_take(void);

/* Sets an exception that was taken. Steals the reference. */
void exception_restore(PyObject *exception);

/* Prints it with its traceback to sys.stderr; nothing for NULL. An exception inside that is
 * dropped. Where sys.stderr is standard error, it waits for that like standard_error_write. */
void exception_print(PyObject *exception);

/* "ValueError: text" on one line, on the heap; NULL without memory or for NULL. */
char *exception_text(PyObject *exception);
