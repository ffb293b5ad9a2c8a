#include "wsgi/start_response.h"

#include "wsgi/borrow.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct start_response {
    PyObject_HEAD;
    struct borrow reply;
    bool called;
};

/* ---- status and headers --------------------------------------------------------------------- */

/* The bytes of a native string (PEP 3333: characters up to U+00FF, standing for one byte each).
 * CPython stores such a string in just this form. Borrows. */
static int latin1(PyObject *string, const char *what, struct slice *ret)
{
    if (!PyUnicode_Check(string)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", what, Py_TYPE(string)->tp_name);
        return -1;
    }
    if (PyUnicode_KIND(string) != PyUnicode_1BYTE_KIND) {
        PyErr_Format(
            PyExc_ValueError, "%s contains a character that is not Latin-1: %R", what, string);
        return -1;
    }
    *ret = (struct slice){
        (const char *)PyUnicode_1BYTE_DATA(string),
        (size_t)PyUnicode_GET_LENGTH(string),
    };
    return 0;
}

static int take_status(struct reply *reply, PyObject *status)
{
    struct slice text;

    if (latin1(status, "status", &text) < 0)
        return -1;
    const char *problem = reply_set_status(reply, text);
    if (!problem)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %R", problem, status);
    return -1;
}

static int take_header(struct reply *reply, PyObject *header)
{
    struct slice name, value;

    if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", header);
        return -1;
    }
    if (latin1(PyTuple_GET_ITEM(header, 0), "header name", &name) < 0 ||
        latin1(PyTuple_GET_ITEM(header, 1), "header value", &value) < 0)
        return -1;
    const char *problem = reply_add_field(reply, name, value);
    if (!problem)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %R", problem, header);
    return -1;
}

static int take_headers(struct reply *reply, PyObject *headers)
{
    if (!PyList_Check(headers)) {
        PyErr_Format(
            PyExc_TypeError, "headers must be a list, not %.100s", Py_TYPE(headers)->tp_name);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++)
        if (take_header(reply, PyList_GET_ITEM(headers, i)) < 0)
            return -1;
    return 0;
}

/* ---- start_response ------------------------------------------------------------------------- */

/* With exc_info, what is not sent may be replaced; once it is, the app gets its error back
 * (PEP 3333, "Error Handling"). */
static int check_call(
    const struct start_response *state, const struct reply *reply, PyObject *exc_info)
{
    if (exc_info == Py_None) {
        if (!state->called)
            return 0;
        PyErr_SetString(
            PyExc_AssertionError, "start_response was called a second time without exc_info");
        return -1;
    }
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3 ||
        !PyExceptionInstance_Check(PyTuple_GET_ITEM(exc_info, 1))) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() returned");
        return -1;
    }
    if (!reply->head_sent)
        return 0;
    PyObject *exception = PyTuple_GET_ITEM(exc_info, 1);
    Py_INCREF(exception);
    exception_restore(exception);
    return -1;
}

static PyObject *start_response_call(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {(char *)"status", (char *)"headers", (char *)"exc_info", NULL};
    struct start_response *state = (struct start_response *)self;
    PyObject *status, *headers, *exc_info = Py_None;

    if (!PyArg_ParseTupleAndKeywords(
            arguments, keywords, "OO|O:start_response", names, &status, &headers, &exc_info))
        return NULL;
    struct reply *reply = borrow_begin(&state->reply, "start_response");
    if (!reply)
        return NULL;

    int r = check_call(state, reply, exc_info);
    if (r == 0) {
        r = take_status(reply, status) < 0 ? -1 : take_headers(reply, headers);
        state->called = r == 0;
    }
    borrow_end(&state->reply);
    return r == 0 ? PyObject_GetAttrString(self, "write") : NULL;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Sends what was put; other threads run while the client is waited for. */
static int flush(struct reply *reply)
{
    for (;;) {
        int r;
        Py_BEGIN_ALLOW_THREADS;
        r = reply_flush(reply);
        Py_END_ALLOW_THREADS;
        if (r == 0)
            return 0;
        if (r != -EINTR) {
            errno = -r;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        if (PyErr_CheckSignals() < 0) { /* PEP 475: on with it, unless a handler raises */
            reply->error = ECANCELED;   /* what was under way cannot be finished */
            return -1;
        }
    }
}

/* What a reply_put_* function returned, as an exception of the app's. */
static int check_put(const struct reply *reply, int r)
{
    unsigned long long length = reply->response.content_length;

    if (r == -ENODATA)
        PyErr_Format(PyExc_ValueError,
            "the content ends after %llu of the %llu bytes of its Content-Length",
            (unsigned long long)reply->content, length);
    else if (r < 0) {
        errno = -r;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return r == 0 ? 0 : -1;
}

static struct reply *begin(struct start_response *state)
{
    struct reply *reply = borrow_begin(&state->reply, "start_response");

    if (!reply || (state->called && !reply->complete))
        return reply;
    borrow_end(&state->reply);
    if (state->called)
        PyErr_SetString(PyExc_ValueError, "write() was called after the end of the content");
    else
        PyErr_SetString(
            PyExc_AssertionError, "start_response was not called before the first content");
    return NULL;
}

static int end(struct start_response *state, struct reply *reply, int put)
{
    int r = check_put(reply, put);
    if (r == 0)
        r = flush(reply);
    borrow_end(&state->reply);
    return r;
}

int start_response_send(PyObject *self, PyObject *item, uint64_t *ret_excess)
{
    struct start_response *state = (struct start_response *)self;

    if (!PyBytes_Check(item)) {
        PyErr_Format(PyExc_TypeError, "content must be bytes, not %.100s", Py_TYPE(item)->tp_name);
        return -1;
    }
    struct reply *reply = begin(state);
    if (!reply)
        return -1;
    if (PyBytes_GET_SIZE(item) == 0) {
        borrow_end(&state->reply);
        *ret_excess = 0;
        return 0;
    }
    return end(state, reply,
        reply_put(reply, PyBytes_AS_STRING(item), (size_t)PyBytes_GET_SIZE(item), ret_excess));
}

int start_response_send_file(PyObject *self, int file, off_t offset, uint64_t size)
{
    struct start_response *state = (struct start_response *)self;
    struct reply *reply = begin(state);

    return reply ? end(state, reply, reply_put_file(reply, file, offset, size)) : -1;
}

int start_response_send_end(PyObject *self)
{
    struct start_response *state = (struct start_response *)self;
    struct reply *reply = begin(state);

    return reply ? end(state, reply, reply_put_end(reply)) : -1;
}

/* What is allowed was sent when the app learns that the rest was not. */
static PyObject *start_response_write(PyObject *self, PyObject *data)
{
    uint64_t excess;

    if (start_response_send(self, data, &excess) < 0)
        return NULL;
    if (excess == 0)
        Py_RETURN_NONE;
    return PyErr_Format(PyExc_ValueError,
        "write() exceeded the Content-Length: %llu bytes were not sent",
        (unsigned long long)excess);
}

/* ---- the type ------------------------------------------------------------------------------- */

static void start_response_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    borrow_done(&((struct start_response *)self)->reply);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"write", start_response_write, METH_O, "write(data): send content at once."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "start_response(status, headers, exc_info=None): begin the response."},
    {Py_tp_call, start_response_call},
    {Py_tp_dealloc, start_response_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "wsgi_once.StartResponse",
    .basicsize = sizeof(struct start_response),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

PyObject *start_response_type_new(void)
{
    return PyType_FromSpec(&spec);
}

PyObject *start_response_new(PyObject *type, struct reply *reply)
{
    _cleanup_ref_ PyObject *self = PyType_GenericAlloc((PyTypeObject *)type, 0);

    if (!self || borrow_init(&((struct start_response *)self)->reply, reply, reply->conn) < 0)
        return NULL;
    return take_ref(&self);
}

bool start_response_was_called(PyObject *self)
{
    return ((struct start_response *)self)->called;
}

void start_response_cut(PyObject *self)
{
    borrow_cut(&((struct start_response *)self)->reply);
}
