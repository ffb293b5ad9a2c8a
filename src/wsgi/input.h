#pragma once

/* wsgi.input: the content of the request as a file (PEP 3333). Internal to wsgi/. */

#include "net/content.h"
#include "wsgi/object.h"

/* Creates the type. New reference, or NULL with an exception. */
PyObject *input_type_new(void);

/* Creates the wsgi.input that reads from this content. New reference, or NULL with an exception. */
PyObject *input_new(PyObject *type, struct content *content);

/* Cuts it off from the content: it raises ValueError from now on. */
void input_revoke(PyObject *self);
