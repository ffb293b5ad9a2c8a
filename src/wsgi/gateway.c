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

static bool fill(struct gateway *gateway)
{
    return (gateway->input_type = input_type_new()) &&
        (gateway->start_response_type = start_response_type_new()) &&
        (gateway->file_wrapper_type = file_wrapper_type_new()) &&
        (gateway->environ_base = environ_new_base(gateway->file_wrapper_type));
}

int gateway_new(
    const struct application *application, struct gateway **ret_gateway, char **ret_problem)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (!gateway)
        return problem_set(ret_problem, EX_OSERR, "out of memory");
    gateway->callable = application->callable;

    PyGILState_STATE state = PyGILState_Ensure();
    int r = 0;
    if (fill(gateway))
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

/* ---- what went wrong ------------------------------------------------------------------------ */

/* Whether the exception is, or came of, the error that reading the content raised. */
static bool comes_of_content(const struct content *content, PyObject *exception)
{
    PyObject *link = exception;

    Py_INCREF(link);
    for (int depth = 0; link && depth < 20; depth++) {
        _cleanup_ref_ PyObject *number = PyErr_GivenExceptionMatches(link, PyExc_OSError)
            ? PyObject_GetAttrString(link, "errno")
            : NULL;
        bool found = number && PyLong_Check(number) && PyLong_AsLong(number) == content->error;
        PyErr_Clear();
        PyObject *next = found ? NULL : PyException_GetContext(link);
        Py_DECREF(link);
        if (found)
            return true;
        link = next;
    }
    Py_XDECREF(link);
    return false;
}

/* The app gave up because the client's content failed: no fault of the app, so no traceback. */
static int blame_client(const struct exchange *exchange, PyObject *exception)
{
    const struct content *content = &exchange->content;
    _cleanup_(freep) char *text = exception_text(exception);

    if (content->error == ECONNRESET)
        return -ECONNRESET;
    log_line(LOG_INFO, "%s: %s (the application raised %s)", exchange->name, content->problem,
        text ? text : "an exception");
    return content->status > 0 ? content->status : -EIO;
}

static int blame_connection(const struct exchange *exchange)
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

static int blame_application(const struct exchange *exchange, PyObject *exception)
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

/* Ends the exception that is set: logs it, and says what is left to do for the client. */
static int take_blame(const struct exchange *exchange)
{
    _cleanup_ref_ PyObject *exception = exception_take();

    if (exchange->reply.error != 0 && exchange->reply.error != ECANCELED)
        return blame_connection(exchange);
    if (exchange->content.error != 0 && comes_of_content(&exchange->content, exception))
        return blame_client(exchange, exception);
    return blame_application(exchange, exception);
}

/* ---- sending what the app returned ---------------------------------------------------------- */

/* The bytes in a list or tuple of bytes; -1 without an exception when it is something else. */
static Py_ssize_t total_size(PyObject *items)
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

/* A list is all there is: its length spares the chunked coding, and a Content-Length that it cannot
 * meet is found before anything is sent. Not for HEAD without content: what GET would send is not
 * known then. */
static int know_length(struct reply *reply, uint64_t size)
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

/* Names what is too much: `before` is how many bytes were sent before the items, `excess` how many
 * of one item were not. Of a list it is known how many there are in all. */
static void warn_of_excess(
    const struct exchange *exchange, PyObject *items, uint64_t before, uint64_t excess)
{
    uint64_t length = exchange->reply.response.content_length;
    Py_ssize_t size = total_size(items);
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

/* Sends an item that is not empty. Returns 1 when nothing of the next ones is to be sent, 0, or -1
 * with an exception. */
static int send_item(
    struct reply *reply, PyObject *item, PyObject *start_response, uint64_t *ret_excess)
{
    if (start_response_send(start_response, item, ret_excess) < 0)
        return -1;
    if (reply_is_full(reply))
        conn_end_output(reply->conn); /* the client need not wait for the end of the iteration */
    /* Once the head of an answer without content is out, there is nothing more to learn. */
    return *ret_excess > 0 || reply->response.framing == RESPONSE_NO_CONTENT;
}

/* The iteration stops when enough was sent (PEP 3333, "Handling the Content-Length Header"), but
 * not before it was asked for one more item. A generator that gives exactly what it announced has
 * to reach its end: the code after its last yield is part of the app, and a "with" around that
 * would see an exception else. And one that gives more has to be found out. */
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
        /* An app may yield nothing before it calls start_response. */
        if (PyBytes_Check(item) && PyBytes_GET_SIZE(item) == 0)
            r = was_full;
        else
            r = send_item(reply, item, start_response, &excess);
    }
    if (r > 0 && reply_is_full(reply))
        warn_of_excess(exchange, items, before, excess);
    return r < 0 ? -1 : 0;
}

/* Of a wrapped file, an app may want a part only: what goes beyond the Content-Length is not read
 * (PEP 3333, "Optional Platform-Specific File Handling"). */
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

    Py_ssize_t size = called ? total_size(items) : -1;
    if (size >= 0 && know_length(reply, (uint64_t)size) < 0)
        return -1;
    return send_items(exchange, items, start_response);
}

/* Sends all of it, to the end. */
static int send_answer(
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
    /* Nothing but empty items: the length is known after all. */
    if (start_response_was_called(start_response) && know_length(reply, reply->content) < 0)
        return -1;
    if (start_response_send_end(start_response) < 0)
        return -1;
    /* The client has all of it, and need not wait for what the app does in close(). */
    conn_end_output(exchange->conn);
    return 0;
}

/* ---- the request ---------------------------------------------------------------------------- */

/* close() is called whatever happened (PEP 3333); it cannot change the answer any more. */
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

static int call(
    struct gateway *gateway, struct exchange *exchange, PyObject *environ, PyObject *start_response)
{
    pid_t server = getpid();
    _cleanup_ref_ PyObject *items =
        PyObject_CallFunctionObjArgs(gateway->callable, environ, start_response, NULL);

    child_exit_if_forked(server);
    int r = items ? send_answer(gateway, exchange, items, start_response) : -1;
    child_exit_if_forked(server);
    if (r < 0)
        r = take_blame(exchange);
    /* From here on nothing more goes out: the server itself may have to answer. */
    start_response_cut(start_response);
    if (items)
        close_items(exchange, items, server);
    return r > 0 && exchange->reply.head_sent ? -EIO : r;
}

/* In the place of call: the objects were made, and that is all. */
static int drop(
    struct gateway *gateway, struct exchange *exchange, PyObject *environ, PyObject *start_response)
{
    (void)gateway;
    (void)exchange;
    (void)environ;
    start_response_cut(start_response);
    return 0;
}

static int run(struct gateway *gateway, struct exchange *exchange,
    int (*use)(struct gateway *, struct exchange *, PyObject *environ, PyObject *start_response))
{
    _cleanup_ref_ PyObject *input = input_new(gateway->input_type, &exchange->content);
    _cleanup_ref_ PyObject *start_response =
        start_response_new(gateway->start_response_type, &exchange->reply);
    _cleanup_ref_ PyObject *environ =
        input && start_response ? environ_new(gateway->environ_base, exchange, input) : NULL;

    int r = environ ? use(gateway, exchange, environ, start_response) : take_blame(exchange);
    if (input)
        input_cut(input);
    conn_disable_cancel(exchange->conn);
    return r;
}

void gateway_prefault(struct gateway *gateway, struct exchange *exchange)
{
    PyGILState_STATE state = PyGILState_Ensure();
    run(gateway, exchange, drop);
    PyGILState_Release(state);
}

int gateway_run(struct gateway *gateway, struct exchange *exchange)
{
    PyGILState_STATE state = PyGILState_Ensure();
    int r = run(gateway, exchange, call);
    PyGILState_Release(state);
    return r;
}
