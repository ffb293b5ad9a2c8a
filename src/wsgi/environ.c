#include "wsgi/environ.h"

#include "http/syntax.h"

#include <stdbool.h>
#include <string.h>

/* ---- setting -------------------------------------------------------------------------------- */

/* Sets environ[name] to the bytes as a native string: one character for each (PEP 3333, "A Note on
 * String Types"). */
static int set(PyObject *environ, const char *name, struct slice value)
{
    _cleanup_ref_ PyObject *string =
        PyUnicode_DecodeLatin1(value.data, (Py_ssize_t)value.size, NULL);
    return string ? PyDict_SetItemString(environ, name, string) : -1;
}

static int set_string(PyObject *environ, const char *name, const char *value)
{
    return set(environ, name, (struct slice){value, strlen(value)});
}

/* ---- what is the same for every request ----------------------------------------------------- */

PyObject *environ_new_base(PyObject *file_wrapper_type)
{
    PyObject *errors = PySys_GetObject("stderr"); /* borrowed */

    return Py_BuildValue("{s:s,s:s, s:(ii),s:s,s:O,s:O,s:O,s:O,s:O,s:O}",  /**/
        "GATEWAY_INTERFACE", "CGI/1.1",                                    /**/
        "SERVER_SOFTWARE", "wsgi-once/" VERSION,                           /**/
        "wsgi.version", 1, 0,                                              /**/
        "wsgi.url_scheme", "http",                                         /**/
        "wsgi.errors", errors ? errors : Py_None,                          /**/
        "wsgi.multithread", Py_False,                                      /**/
        "wsgi.multiprocess", Py_True,                                      /**/
        "wsgi.run_once", Py_True,                                          /**/
        "wsgi.input_terminated", Py_True, /* reading to the end is safe */ /**/
        "wsgi.file_wrapper", file_wrapper_type);
}

/* ---- the request's fields ------------------------------------------------------------------- */

static char key_character(char c)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (c == '-')
        return '_';
    if (c >= 'a' && c <= 'z')
        return capitals[c - 'a'];
    return c;
}

/* The environ key of a field: "HTTP_" and the name in capitals with underscores, or without the
 * prefix for the two that CGI names so (RFC 3875 §4.1.18). New reference, or NULL. */
static PyObject *field_key(struct slice name)
{
    bool is_cgi = slice_equal_ignore_case(name, SLICE("Content-Type")) ||
        slice_equal_ignore_case(name, SLICE("Content-Length"));
    size_t prefix = is_cgi ? 0 : 5;
    PyObject *key = PyUnicode_New((Py_ssize_t)(prefix + name.size), 'z');

    if (!key)
        return NULL;
    char *out = (char *)PyUnicode_1BYTE_DATA(key);
    memcpy(out, "HTTP_", prefix);
    for (size_t i = 0; i < name.size; i++)
        out[prefix + i] = key_character(name.data[i]);
    return key;
}

/* Several lines of one field make one list (RFC 9110 §5.3); cookies are joined their own way (RFC
 * 6265 §4.2.1). New reference, or NULL. */
static PyObject *join(PyObject *first, struct slice name, PyObject *second)
{
    bool is_cookie = slice_equal_ignore_case(name, SLICE("Cookie"));
    return PyUnicode_FromFormat(is_cookie ? "%U; %U" : "%U, %U", first, second);
}

/* Not every field becomes a variable. A name with an underscore would take the place of the one
 * with a hyphen, which a front server may have vouched for; HTTP_PROXY would be obeyed as a proxy
 * setting by libraries (httpoxy). Host and X-Request-ID are looked after elsewhere. */
static bool is_dropped(struct slice name)
{
    return slice_find(name, '_') < name.size || slice_equal_ignore_case(name, SLICE("Proxy")) ||
        slice_equal_ignore_case(name, SLICE("Host")) ||
        slice_equal_ignore_case(name, SLICE("X-Request-ID"));
}

static int set_field(PyObject *environ, const struct request_field *field)
{
    if (is_dropped(field->name))
        return 0;

    _cleanup_ref_ PyObject *key = field_key(field->name);
    _cleanup_ref_ PyObject *value =
        PyUnicode_DecodeLatin1(field->value.data, (Py_ssize_t)field->value.size, NULL);
    if (!key || !value)
        return -1;
    PyObject *former = PyDict_GetItemWithError(environ, key); /* borrowed */
    if (!former)
        return PyErr_Occurred() ? -1 : PyDict_SetItem(environ, key, value);
    _cleanup_ref_ PyObject *joined = join(former, field->name, value);
    return joined ? PyDict_SetItem(environ, key, joined) : -1;
}

/* Not the one that came with the request, for which perhaps nobody vouches: what the app logs is
 * found by the same ID as what the server logs. */
static int set_request_id(PyObject *environ, const char *id)
{
    return id[0] ? set_string(environ, "HTTP_X_REQUEST_ID", id) : 0;
}

static int set_fields(PyObject *environ, const struct request *request)
{
    struct request_field field;

    if (request->host.data && set(environ, "HTTP_HOST", request->host) < 0)
        return -1;
    for (size_t cursor = 0; request_next_field(request, &cursor, &field);)
        if (set_field(environ, &field) < 0)
            return -1;
    return 0;
}

/* ---- the request line and the connection ---------------------------------------------------- */

static int set_request_line(PyObject *environ, const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    char protocol[] = "HTTP/1.x";

    protocol[sizeof(protocol) - 2] = "0123456789"[request->minor];
    if (set(environ, "REQUEST_METHOD", request->method) < 0 ||
        set(environ, "SCRIPT_NAME", exchange->script_name) < 0 ||
        set(environ, "PATH_INFO", exchange->path_info) < 0 ||
        set(environ, "QUERY_STRING", request->query) < 0 ||
        set(environ, "REQUEST_URI", request->target) < 0 ||
        set(environ, "RAW_URI", request->target) < 0)
        return -1;
    return set_string(environ, "SERVER_PROTOCOL", protocol);
}

/* SERVER_NAME and SERVER_PORT must not be empty (PEP 3333), and a unix socket has neither: the
 * client's Host is the next best thing. */
static int set_server_of_host(PyObject *environ, struct slice authority)
{
    struct slice host = {0}, port = {0};

    /* The parser has accepted it. */
    syntax_split_authority(authority, true, &host, &port);
    if (set(environ, "SERVER_NAME", host.size > 0 ? host : SLICE("localhost")) < 0)
        return -1;
    return set(environ, "SERVER_PORT", port.size > 0 ? port : SLICE("80"));
}

static int set_addresses(PyObject *environ, const struct exchange *exchange)
{
    const struct address *client = &exchange->client;
    struct address server;

    address_of_socket(exchange->conn->fd, &server);
    if (set_string(environ, "REMOTE_ADDR", client->host) < 0 ||
        set_string(environ, "REMOTE_PORT", client->port) < 0)
        return -1;
    if (server.host[0] == '\0')
        return set_server_of_host(environ, exchange->request->host);
    /* An IPv6 address has brackets, as in a URL (RFC 3875 §4.1.14). */
    bool is_ipv6 = strchr(server.host, ':');
    _cleanup_ref_ PyObject *name = PyUnicode_FromFormat(is_ipv6 ? "[%s]" : "%s", server.host);
    if (!name || PyDict_SetItemString(environ, "SERVER_NAME", name) < 0)
        return -1;
    return set_string(environ, "SERVER_PORT", server.port);
}

PyObject *environ_new(PyObject *base, const struct exchange *exchange, PyObject *input)
{
    _cleanup_ref_ PyObject *environ = PyDict_Copy(base);

    if (!environ || set_fields(environ, exchange->request) < 0 ||
        set_request_id(environ, exchange->id) < 0 || set_request_line(environ, exchange) < 0 ||
        set_addresses(environ, exchange) < 0 ||
        PyDict_SetItemString(environ, "wsgi.input", input) < 0)
        return NULL;
    return take_ref(&environ);
}
