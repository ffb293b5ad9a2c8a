#pragma once

/* The environ dictionary (PEP 3333; RFC 3875 for the CGI variables). Internal to wsgi/. */

#include "net/exchange.h"
#include "wsgi/object.h"

/* What is the same for every request; environ_new copies it. New reference, or NULL with an
 * exception. */
PyObject *environ_new_base(PyObject *file_wrapper_type);

/* The environ of one request. New reference, or NULL with an exception. */
PyObject *environ_new(PyObject *base, const struct exchange *exchange, PyObject *input);
