#pragma once

/* Questions to the interpreter that Python puts best. Internal to wsgi/. */

#include "wsgi/object.h"

/* The str that an expression about `sys` and `object` (borrowed; may be NULL) gives, on the heap;
 * NULL when it is empty, or that fails. Holds the GIL; no exception is set afterwards. */
char *evaluate(const char *expression, PyObject *object);
