#pragma once

/* Helpers for references and exceptions, and the include of <Python.h>. Internal to wsgi/. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base/cleanup.h"

static inline void decrefp(PyObject **object)
{
    Py_XDECREF(*object);
}

/* Makes a local variable the owner of a reference, or NULL. */
#define _cleanup_ref_ _cleanup_(decrefp)

/* Transfers ownership of a reference to the caller; the variable becomes NULL. */
static inline PyObject *take_ref(PyObject **object)
{
    PyObject *taken = *object;
    *object = NULL;
    return taken;
}

/* Takes the current exception, with its traceback attached, so that none is set. New reference, or
 * NULL if none was set. */
PyObject *exception_take(void);

/* Sets an exception again. Steals the reference. */
void exception_restore(PyObject *exception);

/* Prints the exception with its traceback to sys.stderr; does nothing for NULL. Ignores exceptions
 * while printing. If sys.stderr is standard error, blocks only as standard_error_write does. */
void exception_print(PyObject *exception);

/* Formats "ValueError: text" on one line of ASCII, on the heap. Returns NULL if there is no memory,
 * or for NULL. */
char *exception_text(PyObject *exception);
