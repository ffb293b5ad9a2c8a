#pragma once

/* The environ dictionary (PEP 3333; RFC 3875 for the CGI variables). Internal to wsgi/. */

#include "net/exchange.h"
#include "wsgi/object.h"

/* Creates the part of the environ that is the same for all requests. New reference, or NULL with an
 * exception. */
PyObject *environ_new_base(PyObject *file_wrapper_type);

/* Creates the environ of one request: a copy of `base`, and the variables of the exchange. New
 * reference, or NULL with an exception. */
PyObject *environ_new(PyObject *base, const struct exchange *exchange, PyObject *input);
