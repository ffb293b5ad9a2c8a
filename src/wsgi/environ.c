#include "wsgi/environ.h"

#include "http/syntax.h"

#include <stdbool.h>
#include <string.h>

/* ---- helpers -------------------------------------------------------------------------------- */

/* Converts bytes to a native string, in which each character stands for one byte (PEP 3333, "A Note
 * on String Types"). New reference, or NULL. */
static PyObject *to_string(struct slice value)
{
    return PyUnicode_DecodeLatin1(value.data, (Py_ssize_t)value.size, NULL);
}

static int set_slice(PyObject *environ, const char *name, struct slice value)
{
    _cleanup_ref_ PyObject *string = to_string(value);
    return string ? PyDict_SetItemString(environ, name, string) : -1;
}

static int set_string(PyObject *environ, const char *name, const char *value)
{
    return set_slice(environ, name, (struct slice){value, strlen(value)});
}

/* ---- variables that are the same for all requests ------------------------------------------- */

PyObject *environ_new_base(PyObject *file_wrapper_type)
{
    PyObject *errors = PySys_GetObject("stderr"); /* borrowed */

    /* clang-format off */
    return Py_BuildValue("{s:s,s:s, s:(ii),s:s,s:O,s:O,s:O,s:O,s:O,s:O}",
        "GATEWAY_INTERFACE", "CGI/1.1",
        "SERVER_SOFTWARE", "wsgi-once/" VERSION,
        "wsgi.version", 1, 0,
        "wsgi.url_scheme", "http",
        "wsgi.errors", errors ? errors : Py_None,
        "wsgi.multithread", Py_False,
        "wsgi.multiprocess", Py_True,
        "wsgi.run_once", Py_True,
        "wsgi.input_terminated", Py_True, /* reading to the end is safe */
        "wsgi.file_wrapper", file_wrapper_type);
    /* clang-format on */
}

/* ---- fields --------------------------------------------------------------------------------- */

static char key_character(char c)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (c == '-')
        return '_';
    if (c >= 'a' && c <= 'z')
        return capitals[c - 'a'];
    return c;
}

/* Makes the environ key of a field: "HTTP_" and the name in capitals, with underscores for hyphens
 * (RFC 3875 §4.1.18). CONTENT_TYPE and CONTENT_LENGTH have no prefix. New reference, or NULL. */
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

/* Joins two lines of one field to a list (RFC 9110 §5.3); Cookie has another separator (RFC 6265
 * §4.2.1). New reference, or NULL. */
static PyObject *join_values(PyObject *first, struct slice name, PyObject *second)
{
    bool is_cookie = slice_equal_ignore_case(name, SLICE("Cookie"));
    return PyUnicode_FromFormat(is_cookie ? "%U; %U" : "%U, %U", first, second);
}

/* Whether set_fields skips this field:
 * - A name with an underscore has the same variable as one with a hyphen, which a front server may
 *   have checked.
 * - Libraries would use HTTP_PROXY as their proxy setting (httpoxy).
 * - Apps trust fields that describe the client, so those that are not trusted here are dropped.
 * - set_host and set_request_id handle Host and X-Request-ID. */
static bool is_dropped(struct slice name, unsigned dropped_fields)
{
    return (forwarded_field_named(name) & dropped_fields) != 0 ||
        slice_find(name, '_') < name.size || slice_equal_ignore_case(name, SLICE("Proxy")) ||
        slice_equal_ignore_case(name, SLICE("Host")) ||
        slice_equal_ignore_case(name, SLICE("X-Request-ID"));
}

static int set_field(PyObject *environ, const struct request_field *field)
{
    _cleanup_ref_ PyObject *key = field_key(field->name);
    _cleanup_ref_ PyObject *value = to_string(field->value);
    if (!key || !value)
        return -1;
    PyObject *previous = PyDict_GetItemWithError(environ, key); /* borrowed */
    if (!previous)
        return PyErr_Occurred() ? -1 : PyDict_SetItem(environ, key, value);
    _cleanup_ref_ PyObject *joined = join_values(previous, field->name, value);
    return joined ? PyDict_SetItem(environ, key, joined) : -1;
}

/* HTTP_X_REQUEST_ID is the ID in the server's log messages, so that the app can log the same one.
 * The ID in the request is ignored, because its sender may be untrusted. */
static int set_request_id(PyObject *environ, const char *id)
{
    return id[0] ? set_string(environ, "HTTP_X_REQUEST_ID", id) : 0;
}

static int set_fields(PyObject *environ, const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    struct request_field field;

    for (size_t cursor = 0; request_next_field(request, &cursor, &field);)
        if (!is_dropped(field.name, exchange->client.dropped_fields) &&
            set_field(environ, &field) < 0)
            return -1;
    return set_request_id(environ, exchange->id);
}

/* ---- the request line ----------------------------------------------------------------------- */

/* SCRIPT_NAME is the path that a proxy removed, followed by the path of the mount point. */
static int set_script_name(PyObject *environ, const struct exchange *exchange)
{
    struct slice prefix = exchange->client.prefix, mount = exchange->script_name;
    char *path = PyMem_Malloc(prefix.size + mount.size + 1);

    if (!path) {
        PyErr_NoMemory();
        return -1;
    }
    size_t size = target_decode_path(prefix, path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    memcpy(path + size, mount.data ? mount.data : "", mount.size);
    int r = set_slice(environ, "SCRIPT_NAME", (struct slice){path, size + mount.size});
    PyMem_Free(path);
    return r;
}

static int set_request_line(PyObject *environ, const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    char protocol[] = "HTTP/1.x";

    protocol[sizeof(protocol) - 2] = "0123456789"[request->minor];
    if (set_slice(environ, "REQUEST_METHOD", request->method) < 0 ||
        set_script_name(environ, exchange) < 0 ||
        set_slice(environ, "PATH_INFO", exchange->path_info) < 0 ||
        set_slice(environ, "QUERY_STRING", request->query) < 0 ||
        set_slice(environ, "REQUEST_URI", request->target) < 0 ||
        set_slice(environ, "RAW_URI", request->target) < 0)
        return -1;
    return set_string(environ, "SERVER_PROTOCOL", protocol);
}

/* ---- the client ----------------------------------------------------------------------------- */

static int set_client(PyObject *environ, const struct exchange *exchange)
{
    const struct address *client = &exchange->client.address;

    if (set_string(environ, "REMOTE_ADDR", client->host) < 0)
        return -1;
    return set_string(environ, "REMOTE_PORT", client->port);
}

static int set_integer(PyObject *environ, const char *name, long number)
{
    _cleanup_ref_ PyObject *object = PyLong_FromLong(number);
    return object ? PyDict_SetItemString(environ, name, object) : -1;
}

/* The process that connected to the unix socket, which is usually the front server. */
static int set_peer_user(PyObject *environ, const struct peer *peer)
{
    if (!peer->has_user)
        return 0;
    if (set_integer(environ, "wsgi_once.peer_pid", peer->pid) < 0 ||
        set_integer(environ, "wsgi_once.peer_uid", (long)peer->uid) < 0)
        return -1;
    return set_integer(environ, "wsgi_once.peer_gid", (long)peer->gid);
}

/* ---- the server ----------------------------------------------------------------------------- */

/* The scheme that a trusted proxy reports takes precedence over that of an absolute target (RFC
 * 9112 §3.3), and both over that of the connection. client_find has decided whether the target's
 * scheme is accepted. */
static bool is_https(const struct exchange *exchange)
{
    struct slice scheme = exchange->client.scheme;

    if (!scheme.data)
        scheme = exchange->request->scheme;
    return scheme.data ? slice_equal_ignore_case(scheme, SLICE("https")) : exchange->peer.is_tls;
}

static int set_scheme(PyObject *environ, const struct exchange *exchange)
{
    if (!is_https(exchange))
        return 0;
    if (set_string(environ, "HTTPS", "on") < 0)
        return -1;
    return set_string(environ, "wsgi.url_scheme", "https");
}

static struct slice default_port(const struct exchange *exchange)
{
    return is_https(exchange) ? SLICE("443") : SLICE("80");
}

/* HTTP_HOST is the host of the request's URL. If a proxy reports the port, it follows the host,
 * unless it is the default port of the scheme (RFC 3986 §6.2.3). */
static int set_host(
    PyObject *environ, const struct exchange *exchange, struct slice authority, struct slice host)
{
    const struct client *client = &exchange->client;

    if (!authority.data)
        return 0;
    if (!client->port.data || host.size == 0)
        return set_slice(environ, "HTTP_HOST", authority);
    if (slice_equal(client->port, default_port(exchange)))
        return set_slice(environ, "HTTP_HOST", host);
    _cleanup_ref_ PyObject *name = to_string(host), *port = to_string(client->port);
    _cleanup_ref_ PyObject *both = name && port ? PyUnicode_FromFormat("%U:%U", name, port) : NULL;
    return both ? PyDict_SetItemString(environ, "HTTP_HOST", both) : -1;
}

/* An IPv6 address has brackets, as in a URL (RFC 3875 §4.1.14). */
static int set_socket_name(PyObject *environ, const struct address *socket)
{
    _cleanup_ref_ PyObject *name =
        PyUnicode_FromFormat(strchr(socket->host, ':') ? "[%s]" : "%s", socket->host);
    return name ? PyDict_SetItemString(environ, "SERVER_NAME", name) : -1;
}

/* SERVER_NAME and SERVER_PORT, which must not be empty (PEP 3333). They are those of the socket,
 * unless a proxy reports what the client connected to. A unix socket has none; then the host of the
 * request is used. */
static int set_name_and_port(
    PyObject *environ, const struct exchange *exchange, struct slice host, struct slice port)
{
    const struct client *client = &exchange->client;
    const struct address *socket = &exchange->server;
    bool use_socket = socket->host[0] != '\0' && !client->host.data;
    int r = use_socket
        ? set_socket_name(environ, socket)
        : set_slice(environ, "SERVER_NAME", host.size > 0 ? host : SLICE("localhost"));
    if (r < 0)
        return -1;
    /* The socket's port fits only a URL with the scheme of the connection. */
    bool has_socket_scheme = !client->scheme.data && is_https(exchange) == exchange->peer.is_tls;
    if (client->port.data)
        port = client->port;
    else if (use_socket && has_socket_scheme)
        port = slice_of(socket->port);
    return set_slice(environ, "SERVER_PORT", port.size > 0 ? port : default_port(exchange));
}

static int set_server(PyObject *environ, const struct exchange *exchange)
{
    const struct client *client = &exchange->client;
    struct slice authority = client->host.data ? client->host : exchange->request->host;
    struct slice host = {0}, port = {0};

    syntax_split_authority(authority, true, &host, &port); /* cannot fail: the parsers checked it */
    if (set_host(environ, exchange, authority, host) < 0)
        return -1;
    return set_name_and_port(environ, exchange, host, port);
}

PyObject *environ_new(PyObject *base, const struct exchange *exchange, PyObject *input)
{
    _cleanup_ref_ PyObject *environ = PyDict_Copy(base);

    if (!environ || set_fields(environ, exchange) < 0 || set_request_line(environ, exchange) < 0 ||
        set_client(environ, exchange) < 0 || set_peer_user(environ, &exchange->peer) < 0 ||
        set_scheme(environ, exchange) < 0 || set_server(environ, exchange) < 0 ||
        PyDict_SetItemString(environ, "wsgi.input", input) < 0)
        return NULL;
    return take_ref(&environ);
}
