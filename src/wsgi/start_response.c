#include "wsgi/start_response.h"

#include "wsgi/request_ref.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct start_response {
    PyObject_HEAD;
    struct request_ref reply;
    bool called;
};

/* ---- status and headers --------------------------------------------------------------------- */

/* Gets the bytes of a native string: each character, up to U+00FF, stands for one byte (PEP 3333,
 * "A Note on String Types"). CPython stores such a string in this form, so *ret borrows from it. */
static int get_native_string(PyObject *string, const char *what, struct slice *ret)
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

static int set_status(struct reply *reply, PyObject *status)
{
    struct slice text;

    if (get_native_string(status, "status", &text) < 0)
        return -1;
    const char *problem = reply_set_status(reply, text);
    if (!problem)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %R", problem, status);
    return -1;
}

static int add_header(struct reply *reply, PyObject *header)
{
    struct slice name, value;

    if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", header);
        return -1;
    }
    if (get_native_string(PyTuple_GET_ITEM(header, 0), "header name", &name) < 0 ||
        get_native_string(PyTuple_GET_ITEM(header, 1), "header value", &value) < 0)
        return -1;
    const char *problem = reply_add_field(reply, name, value);
    if (!problem)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %R", problem, header);
    return -1;
}

static int set_headers(struct reply *reply, PyObject *headers)
{
    if (!PyList_Check(headers)) {
        PyErr_Format(
            PyExc_TypeError, "headers must be a list, not %.100s", Py_TYPE(headers)->tp_name);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++)
        if (add_header(reply, PyList_GET_ITEM(headers, i)) < 0)
            return -1;
    return 0;
}

/* ---- start_response ------------------------------------------------------------------------- */

/* With exc_info, the app may replace a head that was not sent. If it was sent, start_response must
 * raise the app's exception again (PEP 3333, "Error Handling"). */
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
    struct reply *reply = request_ref_acquire(&state->reply, "start_response");
    if (!reply)
        return NULL;

    int r = check_call(state, reply, exc_info);
    if (r == 0) {
        r = set_status(reply, status) < 0 ? -1 : set_headers(reply, headers);
        state->called = r == 0;
    }
    request_ref_release(&state->reply);
    return r == 0 ? PyObject_GetAttrString(self, "write") : NULL;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Sends what was put. Waits without the GIL. */
static int flush_reply(struct reply *reply)
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
        if (PyErr_CheckSignals() < 0) { /* PEP 475: retry, unless a handler raises */
            reply->error = ECANCELED;   /* nothing can follow what was sent in part */
            return -1;
        }
    }
}

/* Raises what a reply_put_* function returned as an exception for the app. */
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

static struct reply *begin_send(struct start_response *state)
{
    struct reply *reply = request_ref_acquire(&state->reply, "start_response");

    if (!reply || (state->called && !reply->complete))
        return reply;
    request_ref_release(&state->reply);
    if (state->called)
        PyErr_SetString(PyExc_ValueError, "write() was called after the end of the content");
    else
        PyErr_SetString(
            PyExc_AssertionError, "start_response was not called before the first content");
    return NULL;
}

static int finish_send(struct start_response *state, struct reply *reply, int put)
{
    int r = check_put(reply, put);
    if (r == 0)
        r = flush_reply(reply);
    request_ref_release(&state->reply);
    return r;
}

int start_response_send(PyObject *self, PyObject *item, uint64_t *ret_excess)
{
    struct start_response *state = (struct start_response *)self;

    if (!PyBytes_Check(item)) {
        PyErr_Format(PyExc_TypeError, "content must be bytes, not %.100s", Py_TYPE(item)->tp_name);
        return -1;
    }
    struct reply *reply = begin_send(state);
    if (!reply)
        return -1;
    if (PyBytes_GET_SIZE(item) == 0) {
        request_ref_release(&state->reply);
        *ret_excess = 0;
        return 0;
    }
    return finish_send(state, reply,
        reply_put(reply, PyBytes_AS_STRING(item), (size_t)PyBytes_GET_SIZE(item), ret_excess));
}

int start_response_send_file(PyObject *self, int file, off_t offset, uint64_t size)
{
    struct start_response *state = (struct start_response *)self;
    struct reply *reply = begin_send(state);

    return reply ? finish_send(state, reply, reply_put_file(reply, file, offset, size)) : -1;
}

int start_response_send_end(PyObject *self)
{
    struct start_response *state = (struct start_response *)self;
    struct reply *reply = begin_send(state);

    return reply ? finish_send(state, reply, reply_put_end(reply)) : -1;
}

/* The bytes within the Content-Length have been sent when this raises for the excess. */
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

    request_ref_done(&((struct start_response *)self)->reply);
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

    if (!self || request_ref_init(&((struct start_response *)self)->reply, reply, reply->conn) < 0)
        return NULL;
    return take_ref(&self);
}

bool start_response_was_called(PyObject *self)
{
    return ((struct start_response *)self)->called;
}

void start_response_revoke(PyObject *self)
{
    request_ref_revoke(&((struct start_response *)self)->reply);
}
