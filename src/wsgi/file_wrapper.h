#pragma once

/* wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling"). Internal to wsgi/. */

#include "wsgi/object.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A part of a regular file that can be sent with sendfile(2). */
struct file_range {
    int file; /* borrowed from the wrapped object */
    off_t offset;
    uint64_t size;
};

/* Creates the type: file_wrapper(filelike, block_size=8192), an iterable with close(). New
 * reference, or NULL with an exception. */
PyObject *file_wrapper_type_new(void);

/* Whether the object is a file_wrapper. */
bool file_wrapper_check(PyObject *type, PyObject *object);

/* Calls read() of the wrapped file for the next block, with a size of at most `limit` bytes. The
 * block can be larger if that read() ignores the size. New reference, or NULL: with an exception,
 * or without one at the end of the file. */
PyObject *file_wrapper_read(PyObject *object, uint64_t limit);

/* Gets the range from the current position to the end of the file, if the object is a file_wrapper
 * of a binary file of the io module that is open on a regular file. All other objects must be
 * iterated, even if they have a fileno(): that of a GzipFile has the compressed bytes. Returns 1,
 * or 0 if there is no range, or -1 with an exception. */
int file_wrapper_get_range(PyObject *type, PyObject *object, struct file_range *ret);
