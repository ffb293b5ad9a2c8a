#pragma once

/* start_response, and everything that is sent after it (PEP 3333). Internal to wsgi/.
 *
 * The app calls the object as start_response(status, headers, exc_info=None), which returns its
 * method write(data). The gateway sends through the same object, so that content from write() and
 * content from the iterable take the same path.
 */

#include "net/reply.h"
#include "wsgi/object.h"

#include <stdbool.h>

/* Creates the type. New reference, or NULL with an exception. */
PyObject *start_response_type_new(void);

/* Creates the start_response for `reply`, which is borrowed until start_response_revoke. New
 * reference, or NULL with an exception. */
PyObject *start_response_new(PyObject *type, struct reply *reply);

/* Whether the app has called it successfully. */
bool start_response_was_called(PyObject *self);

/* Sends one item of the app's content, preceded by the head if that was not sent yet. An empty item
 * sends nothing. Bytes beyond the Content-Length are not sent; *ret_excess is their number. Waits
 * for the client without the GIL. Returns 0, or -1 with an exception: TypeError, AssertionError or
 * ValueError if the app violates PEP 3333, OSError if the connection fails or the client takes
 * nothing in time (reply->error is set then). */
int start_response_send(PyObject *self, PyObject *item, uint64_t *ret_excess);

/* Sends `size` bytes of a regular file, or as many as the Content-Length allows, which must be set.
 * `file` is borrowed. Waits and returns like start_response_send. */
int start_response_send_file(PyObject *self, int file, off_t offset, uint64_t size);

/* Completes the response: sends the head if that was not sent yet, and the last chunk if there are
 * chunks. Waits and returns like start_response_send. */
int start_response_send_end(PyObject *self);

/* Makes every later use raise ValueError, see request_ref_revoke. Can be repeated. */
void start_response_revoke(PyObject *self);
