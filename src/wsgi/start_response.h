#pragma once

/* start_response, and all that goes out after it (PEP 3333). Internal to wsgi/.
 *
 * The object that the app calls is also the one through which the gateway sends, so that content
 * from write() and from the iterable take the same way. An object is called by the app as
 * start_response(status, headers, exc_info=None) and returns its own method write(data).
 */

#include "net/reply.h"
#include "wsgi/object.h"

#include <stdbool.h>

/* Creates the type. New reference, or NULL with an exception. */
PyObject *start_response_type_new(void);

/* Creates the start_response for this reply. New reference, or NULL with an exception. */
PyObject *start_response_new(PyObject *type, struct reply *reply);

/* Whether the app has called it. */
bool start_response_was_called(PyObject *self);

/* Sends one item of the app, with the head before it if need be. An empty one sends nothing. What
 * goes beyond the Content-Length is not sent: *ret_excess is how many bytes that were. Waits
 * without the GIL. Returns 0, or -1 with an exception: TypeError, AssertionError, ValueError for
 * what the app does wrong, OSError when the client has left or takes nothing (reply->error is set).
 */
int start_response_send(PyObject *self, PyObject *item, uint64_t *ret_excess);

/* Sends a part of a regular file, as far as the Content-Length goes, which must be known. Like
 * start_response_send. */
int start_response_send_file(PyObject *self, int file, off_t offset, uint64_t size);

/* Sends what is missing at the end: the head, the last chunk. Like start_response_send. */
int start_response_send_end(PyObject *self);

/* Cuts it off from the reply: it raises ValueError from now on. */
void start_response_revoke(PyObject *self);
