#include "wsgi/gateway.h"

#include "base/problem.h"
#include "log/log.h"
#include "wsgi/child.h"
#include "wsgi/environ.h"
#include "wsgi/file_wrapper.h"
#include "wsgi/input.h"
#include "wsgi/object.h"
#include "wsgi/start_response.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct gateway {
    PyObject *callable;
    PyObject *input_type;
    PyObject *start_response_type;
    PyObject *file_wrapper_type;
    PyObject *environ_base;
};

static bool gateway_init(struct gateway *gateway)
{
    return (gateway->input_type = input_type_new()) &&
        (gateway->start_response_type = start_response_type_new()) &&
        (gateway->file_wrapper_type = file_wrapper_type_new()) &&
        (gateway->environ_base = environ_new_base(gateway->file_wrapper_type));
}

int gateway_new(const struct application *application, struct gateway **ret_gateway,
    struct problem *ret_problem)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (!gateway)
        return problem_set(ret_problem, EX_OSERR, "out of memory");
    gateway->callable = application->callable;

    PyGILState_STATE state = PyGILState_Ensure();
    int r = 0;
    if (gateway_init(gateway))
        *ret_gateway = gateway;
    else {
        _cleanup_ref_ PyObject *exception = exception_take();
        _cleanup_(freep) char *text = exception_text(exception);
        r = problem_set(
            ret_problem, EX_SOFTWARE, "cannot prepare the gateway: %s", text ? text : "");
        free(gateway);
    }
    PyGILState_Release(state);
    return r;
}

char *gateway_describe(const struct gateway *gateway)
{
    struct application application = {.callable = gateway->callable};

    return application_describe(&application);
}

/* ---- failures ------------------------------------------------------------------------------- */

/* Whether reading the content raised the exception, or one in its __context__ chain. */
static bool is_content_error(const struct content *content, PyObject *exception)
{
    PyObject *current = exception;

    Py_INCREF(current);
    for (int depth = 0; current && depth < 20; depth++) {
        _cleanup_ref_ PyObject *number = PyErr_GivenExceptionMatches(current, PyExc_OSError)
            ? PyObject_GetAttrString(current, "errno")
            : NULL;
        bool found = number && PyLong_Check(number) && PyLong_AsLong(number) == content->error;
        PyErr_Clear();
        PyObject *next = found ? NULL : PyException_GetContext(current);
        Py_DECREF(current);
        if (found)
            return true;
        current = next;
    }
    Py_XDECREF(current);
    return false;
}

/* The app failed because the client's content could not be read. That needs no traceback. */
static int report_content_error(const struct exchange *exchange, PyObject *exception)
{
    const struct content *content = &exchange->content;
    _cleanup_(freep) char *text = exception_text(exception);

    if (content->error == ECONNRESET)
        return -ECONNRESET;
    log_line(LOG_INFO, "%s: %s (the application raised %s)", exchange->name, content->problem,
        text ? text : "an exception");
    return content->status > 0 ? content->status : -EIO;
}

static int report_reply_error(const struct exchange *exchange)
{
    int error = exchange->reply.error;

    if (error == EPIPE || error == ECONNRESET)
        return -ECONNRESET;
    if (error == ENODATA)
        log_line(LOG_WARNING, "%s: the answer was cut off: its file was truncated meanwhile",
            exchange->name);
    else
        log_line(LOG_WARNING, "%s: cannot send the answer: %s", exchange->name, strerror(error));
    return error == ETIMEDOUT ? -ETIMEDOUT : -EIO;
}

static int report_app_error(const struct exchange *exchange, PyObject *exception)
{
    const char *what = "the application raised an exception";

    if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit))
        what = "the application called sys.exit(), which ends only the request";
    else if (PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt))
        what = "interrupted";
    log_line(LOG_ERR, "%s: %s%s", exchange->name, what,
        reply_is_incomplete(&exchange->reply) ? "; the answer was cut off" : "");
    exception_print(exception);
    return 500;
}

/* Logs the current exception and clears it. Returns like gateway_run. */
static int handle_exception(const struct exchange *exchange)
{
    _cleanup_ref_ PyObject *exception = exception_take();

    if (exchange->reply.error != 0 && exchange->reply.error != ECANCELED)
        return report_reply_error(exchange);
    if (exchange->content.error != 0 && is_content_error(&exchange->content, exception))
        return report_content_error(exchange, exception);
    return report_app_error(exchange, exception);
}

/* ---- sending the app's iterable ------------------------------------------------------------- */

/* The total size of a list or tuple of bytes; -1 without an exception for another object. */
static Py_ssize_t get_total_size(PyObject *items)
{
    Py_ssize_t total = 0;

    if (!PyList_CheckExact(items) && !PyTuple_CheckExact(items))
        return -1;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        if (!PyBytes_Check(item))
            return -1;
        total += PyBytes_GET_SIZE(item);
    }
    return total;
}

/* Sets the length of content that is known completely, which avoids the chunked coding, and finds a
 * Content-Length that is too large before the head is sent. Does nothing for a HEAD request whose
 * content is empty, because GET may send other content. */
static int set_known_length(struct reply *reply, uint64_t size)
{
    const struct response *response = &reply->response;

    if (reply->head_sent || (response->is_head && size == 0))
        return 0;
    if (response_allows_content(response) && response->has_content_length &&
        response->content_length > size) {
        PyErr_Format(PyExc_ValueError, "the content has %llu bytes, but its Content-Length is %llu",
            (unsigned long long)size, (unsigned long long)response->content_length);
        return -1;
    }
    reply_set_length(reply, size);
    return 0;
}

/* Warns that the content is longer than its Content-Length. `before` is the number of bytes that
 * write() sent, `excess` the number of bytes of the last item that were not sent. For a list or
 * tuple, the exact excess is computed. */
static void warn_of_excess(
    const struct exchange *exchange, PyObject *items, uint64_t before, uint64_t excess)
{
    uint64_t length = exchange->reply.response.content_length;
    Py_ssize_t size = get_total_size(items);
    bool is_known = size >= 0 && before + (uint64_t)size > length;

    if (is_known)
        excess = before + (uint64_t)size - length;
    if (excess > 0)
        log_line(LOG_WARNING,
            "%s: the content is %s%llu byte%s longer than its Content-Length of %llu, and was "
            "truncated",
            exchange->name, is_known ? "" : "at least ", (unsigned long long)excess,
            excess == 1 ? "" : "s", (unsigned long long)length);
}

/* Sends an item that is not empty. Returns 1 if no later item can be sent, 0, or -1 with an
 * exception. */
static int send_item(
    struct reply *reply, PyObject *item, PyObject *start_response, uint64_t *ret_excess)
{
    if (start_response_send(start_response, item, ret_excess) < 0)
        return -1;
    if (reply_is_full(reply))
        conn_end_output(reply->conn); /* the client need not wait for the end of the iteration */
    /* A response without content is complete once its head is sent. */
    return *ret_excess > 0 || reply->response.framing == RESPONSE_NO_CONTENT;
}

/* Iterates until the Content-Length is reached (PEP 3333, "Handling the Content-Length Header"),
 * and then requests one more item. So a generator with the exact length runs to its end: the code
 * after its last yield is part of the app, and would otherwise see GeneratorExit. The further item
 * also shows whether the content is too long. */
static int send_items(struct exchange *exchange, PyObject *items, PyObject *start_response)
{
    struct reply *reply = &exchange->reply;
    uint64_t before = reply->content, excess = 0;
    _cleanup_ref_ PyObject *iterator = PyObject_GetIter(items);
    int r = iterator ? 0 : -1;

    while (r == 0) {
        bool was_full = reply_is_full(reply);
        _cleanup_ref_ PyObject *item = PyIter_Next(iterator);
        if (!item)
            return PyErr_Occurred() ? -1 : 0;
        /* An app may yield empty items before it calls start_response. */
        if (PyBytes_Check(item) && PyBytes_GET_SIZE(item) == 0)
            r = was_full;
        else
            r = send_item(reply, item, start_response, &excess);
    }
    if (r > 0 && reply_is_full(reply))
        warn_of_excess(exchange, items, before, excess);
    return r < 0 ? -1 : 0;
}

/* Reads a wrapped file up to the Content-Length, because an app may send only a part of it (PEP
 * 3333, "Optional Platform-Specific File Handling"). */
static int send_blocks(struct reply *reply, PyObject *wrapper, PyObject *start_response)
{
    uint64_t room, excess;
    int r = 0;

    while (r == 0 && (room = reply_room(reply)) > 0) {
        _cleanup_ref_ PyObject *block = file_wrapper_read(wrapper, room);
        if (!block)
            return PyErr_Occurred() ? -1 : 0;
        r = send_item(reply, block, start_response, &excess);
    }
    return r < 0 ? -1 : 0;
}

static int send_file(const struct file_range *range, PyObject *start_response, struct reply *reply)
{
    reply_set_length(reply, range->size);
    return start_response_send_file(start_response, range->file, range->offset, range->size);
}

static int send_content(
    struct gateway *gateway, struct exchange *exchange, PyObject *items, PyObject *start_response)
{
    struct reply *reply = &exchange->reply;
    struct file_range range;
    bool called = start_response_was_called(start_response);
    int is_file = called && !reply->head_sent
        ? file_wrapper_get_range(gateway->file_wrapper_type, items, &range)
        : 0;
    if (is_file < 0)
        return -1;
    if (is_file)
        return send_file(&range, start_response, reply);
    if (called && file_wrapper_check(gateway->file_wrapper_type, items))
        return send_blocks(reply, items, start_response);

    Py_ssize_t size = called ? get_total_size(items) : -1;
    if (size >= 0 && set_known_length(reply, (uint64_t)size) < 0)
        return -1;
    return send_items(exchange, items, start_response);
}

/* Sends the content and the end of the response. Returns 0, or -1 with an exception. */
static int send_response(
    struct gateway *gateway, struct exchange *exchange, PyObject *items, PyObject *start_response)
{
    struct reply *reply = &exchange->reply;

    if (PyCoro_CheckExact(items)) {
        PyErr_SetString(PyExc_TypeError,
            "the application returned a coroutine: ASGI is not supported, only WSGI");
        return -1;
    }
    if (send_content(gateway, exchange, items, start_response) < 0)
        return -1;
    /* If all items were empty, the head is not sent yet and the length is known now. */
    if (start_response_was_called(start_response) && set_known_length(reply, reply->content) < 0)
        return -1;
    if (start_response_send_end(start_response) < 0)
        return -1;
    /* The client has the complete response, and need not wait for close(). */
    conn_end_output(exchange->conn);
    return 0;
}

/* ---- the request ---------------------------------------------------------------------------- */

/* Calls close() of the iterable, which PEP 3333 requires also after an error. The response does not
 * change any more. */
static void close_items(const struct exchange *exchange, PyObject *items, pid_t server)
{
    _cleanup_ref_ PyObject *close = PyObject_GetAttrString(items, "close");
    _cleanup_ref_ PyObject *result = close ? PyObject_CallObject(close, NULL) : NULL;

    child_exit_if_forked(server);
    if (result)
        return;
    _cleanup_ref_ PyObject *exception = exception_take();
    if (!close && PyErr_GivenExceptionMatches(exception, PyExc_AttributeError))
        return;
    log_line(LOG_ERR, "%s: close() raised an exception", exchange->name);
    exception_print(exception);
}

/* The Python objects of one request, each NULL until it exists. */
struct arguments {
    PyObject *input, *environ, *start_response;
};

/* Returns 0, or -1 with an exception. The caller must call arguments_done in both cases. */
static int arguments_init(
    struct arguments *arguments, const struct gateway *gateway, struct exchange *exchange)
{
    *arguments = (struct arguments){
        .input = input_new(gateway->input_type, &exchange->content),
        .start_response = start_response_new(gateway->start_response_type, &exchange->reply),
    };
    if (arguments->input && arguments->start_response)
        arguments->environ = environ_new(gateway->environ_base, exchange, arguments->input);
    return arguments->environ ? 0 : -1;
}

/* Releases the objects. Those that the app keeps can no longer reach the exchange. */
static void arguments_done(struct arguments *arguments, struct exchange *exchange)
{
    if (arguments->start_response)
        start_response_revoke(arguments->start_response);
    if (arguments->input)
        input_revoke(arguments->input);
    conn_disable_cancel(exchange->conn);
    Py_CLEAR(arguments->environ);
    Py_CLEAR(arguments->start_response);
    Py_CLEAR(arguments->input);
}

void gateway_prefault(struct gateway *gateway, struct exchange *exchange)
{
    PyGILState_STATE state = PyGILState_Ensure();
    struct arguments arguments;

    if (arguments_init(&arguments, gateway, exchange) < 0)
        handle_exception(exchange);
    arguments_done(&arguments, exchange);
    PyGILState_Release(state);
}

/* Calls the app, sends what it returns, and calls close(). Returns like gateway_run. */
static int run_app(struct gateway *gateway, struct exchange *exchange, struct arguments *arguments)
{
    PyObject *start_response = arguments->start_response;
    pid_t server = getpid();
    _cleanup_ref_ PyObject *items =
        PyObject_CallFunctionObjArgs(gateway->callable, arguments->environ, start_response, NULL);

    child_exit_if_forked(server);
    int r = items ? send_response(gateway, exchange, items, start_response) : -1;
    child_exit_if_forked(server);
    if (r < 0)
        r = handle_exception(exchange);
    /* The worker may have to answer with an error: close() must not send anything. */
    start_response_revoke(start_response);
    if (items)
        close_items(exchange, items, server);
    return r > 0 && exchange->reply.head_sent ? -EIO : r;
}

int gateway_run(struct gateway *gateway, struct exchange *exchange)
{
    PyGILState_STATE state = PyGILState_Ensure();
    struct arguments arguments;

    int r = arguments_init(&arguments, gateway, exchange) < 0
        ? handle_exception(exchange)
        : run_app(gateway, exchange, &arguments);
    arguments_done(&arguments, exchange);
    PyGILState_Release(state);
    return r;
}
