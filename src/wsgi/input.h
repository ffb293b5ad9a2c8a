#pragma once

/* wsgi.input: the content of the request as a file (PEP 3333). Internal to wsgi/. */

#include "net/content.h"
#include "wsgi/object.h"

/* Creates the type. New reference, or NULL with an exception. */
PyObject *input_type_new(void);

/* Creates a wsgi.input that reads from `content`, which is borrowed until input_revoke. Its read
 * methods release the GIL while they wait for the client. New reference, or NULL with an exception.
 */
PyObject *input_new(PyObject *type, struct content *content);

/* Makes every later use raise ValueError, see request_ref_revoke. */
void input_revoke(PyObject *self);
