#include "wsgi/input.h"

#include "wsgi/request_ref.h"

#include <errno.h>
#include <stdbool.h>

struct input {
    PyObject_HEAD;
    struct request_ref content;
};

static const char *const name = "wsgi.input";

/* ---- a bytes object that grows -------------------------------------------------------------- */

enum { FIRST_CAPACITY = 65536 };

struct bytes {
    PyObject *object; /* NULL until the first byte */
    Py_ssize_t size;
};

static void bytes_done(struct bytes *bytes)
{
    Py_CLEAR(bytes->object);
}

/* Makes room for `size` more bytes. The object grows with the bytes that arrive: a Content-Length
 * alone must not cost memory. */
static int bytes_reserve(struct bytes *bytes, Py_ssize_t size)
{
    Py_ssize_t capacity = bytes->object ? PyBytes_GET_SIZE(bytes->object) : 0;

    if (size > PY_SSIZE_T_MAX / 2 - bytes->size) {
        PyErr_NoMemory();
        return -1;
    }
    if (bytes->object && bytes->size + size <= capacity)
        return 0;
    capacity = 2 * capacity > bytes->size + size ? 2 * capacity : bytes->size + size;
    if (bytes->object)
        return _PyBytes_Resize(&bytes->object, capacity);
    bytes->object = PyBytes_FromStringAndSize(NULL, capacity);
    return bytes->object ? 0 : -1;
}

static int bytes_append(struct bytes *bytes, struct slice piece)
{
    if (bytes_reserve(bytes, (Py_ssize_t)piece.size) < 0)
        return -1;
    memcpy(PyBytes_AS_STRING(bytes->object) + bytes->size, piece.data, piece.size);
    bytes->size += (Py_ssize_t)piece.size;
    return 0;
}

/* Returns the object, shrunk to its size. */
static PyObject *bytes_take(struct bytes *bytes)
{
    if (!bytes->object)
        return PyBytes_FromStringAndSize(NULL, 0);
    if (PyBytes_GET_SIZE(bytes->object) != bytes->size &&
        _PyBytes_Resize(&bytes->object, bytes->size) < 0)
        return NULL;
    return take_ref(&bytes->object);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Raises OSError, which frameworks handle: ConnectionResetError, TimeoutError, or with the errno
 * EBADMSG (bad framing) or EFBIG (over a limit). */
static int raise_content_error(const struct content *content)
{
    _cleanup_ref_ PyObject *arguments = Py_BuildValue("(is)", content->error, content->problem);

    if (arguments)
        PyErr_SetObject(PyExc_OSError, arguments);
    return -1;
}

/* Gets the next piece of content, which is empty at the end. Waits without the GIL. */
static int input_peek(struct content *content, struct slice *ret_piece)
{
    content_send_continue(content);
    for (;;) {
        int r;
        Py_BEGIN_ALLOW_THREADS;
        r = content_peek(content, ret_piece);
        Py_END_ALLOW_THREADS;
        if (r == 0)
            return 0;
        if (r != -EINTR)
            return raise_content_error(content);
        if (PyErr_CheckSignals() < 0) { /* PEP 475: retry, unless a handler raises */
            content->deadline = 0;      /* the next wait has its own deadline */
            return -1;
        }
    }
}

/* Reads `size` bytes; fewer only at the end of the content. */
static PyObject *content_read_bytes(struct content *content, size_t size)
{
    _cleanup_(bytes_done) struct bytes bytes = {0};
    size_t first = size < FIRST_CAPACITY ? size : FIRST_CAPACITY;

    while (size > 0) {
        struct slice piece;
        if (input_peek(content, &piece) < 0)
            return NULL;
        if (piece.size == 0)
            break;
        if (piece.size > size)
            piece.size = size;
        if ((!bytes.object && bytes_reserve(&bytes, (Py_ssize_t)first) < 0) ||
            bytes_append(&bytes, piece) < 0)
            return NULL;
        content_take(content, piece.size);
        size -= piece.size;
    }
    return bytes_take(&bytes);
}

/* Reads up to and including the next LF, but at most `size` bytes. */
static PyObject *content_read_line(struct content *content, size_t size)
{
    _cleanup_(bytes_done) struct bytes bytes = {0};
    bool is_complete = false;

    while (size > 0 && !is_complete) {
        struct slice piece;
        if (input_peek(content, &piece) < 0)
            return NULL;
        if (piece.size == 0)
            break;
        size_t line = slice_find(piece, '\n');
        is_complete = line < piece.size && line < size;
        piece.size = is_complete ? line + 1 : piece.size < size ? piece.size : size;
        if (bytes_append(&bytes, piece) < 0)
            return NULL;
        content_take(content, piece.size);
        size -= piece.size;
    }
    return bytes_take(&bytes);
}

/* Reads lines until the end, or until they have at least `hint` bytes in total. */
static PyObject *content_read_lines(struct content *content, size_t hint)
{
    _cleanup_ref_ PyObject *lines = PyList_New(0);
    size_t size = 0;

    while (lines && size < hint) {
        _cleanup_ref_ PyObject *line = content_read_line(content, SIZE_MAX);
        if (!line || (PyBytes_GET_SIZE(line) > 0 && PyList_Append(lines, line) < 0))
            return NULL;
        if (PyBytes_GET_SIZE(line) == 0)
            break;
        size += (size_t)PyBytes_GET_SIZE(line);
    }
    return take_ref(&lines);
}

/* ---- the type ------------------------------------------------------------------------------- */

typedef PyObject *read_function(struct content *content, size_t size);

static PyObject *input_call(PyObject *self, read_function *function, size_t size)
{
    struct request_ref *ref = &((struct input *)self)->content;
    struct content *content = request_ref_acquire(ref, name);

    if (!content)
        return NULL;
    PyObject *result = function(content, size);
    request_ref_release(ref);
    return result;
}

/* Parses the optional size of a read method. Absent, None or negative means all: SIZE_MAX. */
static int parse_size(PyObject *arguments, size_t *ret_size)
{
    PyObject *object = Py_None;

    *ret_size = SIZE_MAX;
    if (!PyArg_ParseTuple(arguments, "|O", &object))
        return -1;
    if (object == Py_None)
        return 0;
    Py_ssize_t size = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (size == -1 && PyErr_Occurred())
        return -1;
    if (size >= 0)
        *ret_size = (size_t)size;
    return 0;
}

static PyObject *input_read(PyObject *self, PyObject *arguments)
{
    size_t size;
    return parse_size(arguments, &size) < 0 ? NULL : input_call(self, content_read_bytes, size);
}

static PyObject *input_readline(PyObject *self, PyObject *arguments)
{
    size_t size;
    return parse_size(arguments, &size) < 0 ? NULL : input_call(self, content_read_line, size);
}

static PyObject *input_readlines(PyObject *self, PyObject *arguments)
{
    size_t hint;
    if (parse_size(arguments, &hint) < 0)
        return NULL;
    return input_call(
        self, content_read_lines, hint > 0 ? hint : SIZE_MAX); /* as in io, 0 means no hint */
}

static PyObject *input_next(PyObject *self)
{
    PyObject *line = input_call(self, content_read_line, SIZE_MAX);

    if (line && PyBytes_GET_SIZE(line) == 0)
        Py_CLEAR(line);
    return line;
}

static void input_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    request_ref_done(&((struct input *)self)->content);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"read", input_read, METH_VARARGS, "read(size=-1): up to size bytes, or all of them."},
    {"readline", input_readline, METH_VARARGS, "readline(size=-1): a line with its end."},
    {"readlines", input_readlines, METH_VARARGS, "readlines(hint=-1): a list of lines."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The content of the request."},
    {Py_tp_dealloc, input_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, input_next},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "wsgi_once.Input",
    .basicsize = sizeof(struct input),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

PyObject *input_type_new(void)
{
    return PyType_FromSpec(&spec);
}

PyObject *input_new(PyObject *type, struct content *content)
{
    _cleanup_ref_ PyObject *self = PyType_GenericAlloc((PyTypeObject *)type, 0);

    if (!self || request_ref_init(&((struct input *)self)->content, content, content->conn) < 0)
        return NULL;
    return take_ref(&self);
}

void input_revoke(PyObject *self)
{
    request_ref_revoke(&((struct input *)self)->content);
}
