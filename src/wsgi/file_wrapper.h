#pragma once

/* wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling"). Internal to wsgi/. */

#include "wsgi/object.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Part of a regular file that the kernel can send by itself. */
struct file_range {
    int file; /* belongs to the wrapped object */
    off_t offset;
    uint64_t size;
};

/* Creates the type: file_wrapper(filelike, block_size=8192), an iterable with close(). New
 * reference, or NULL with an exception. */
PyObject *file_wrapper_type_new(void);

/* Whether the object is a wrapper. */
bool file_wrapper_check(PyObject *type, PyObject *object);

/* Reads the next block of a wrapped file, of at most `limit` bytes if its read() does what it is
 * asked for. New reference, or NULL: with an exception, or without one at the end of the file. */
PyObject *file_wrapper_read(PyObject *object, uint64_t limit);

/* Whether the object is a wrapper around a real file: a binary file of the io module, opened on a
 * regular file. Its range goes from the file's position to its end. Anything else (GzipFile has a
 * fileno() too, of other bytes) is to be iterated. Returns 1, 0, or -1 with an exception. */
int file_wrapper_get_range(PyObject *type, PyObject *object, struct file_range *ret);
