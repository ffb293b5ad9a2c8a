/* Tests that no path through the WSGI objects leaks a reference.
 *
 * Other tests do not notice a leak, because a worker serves one request. Here one interpreter runs
 * each kind of request many times, and the number of allocated blocks must not grow.
 */

#include "base/problem.h"
#include "net/exchange.h"
#include "unit.h"
#include "wsgi/application.h"
#include "wsgi/gateway.h"
#include "wsgi/python.h"

#include <Python.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODULE "gateway_apps"

extern const char gateway_apps_source[]; /* gateway_apps.py, see the Makefile */

#define GET "GET / HTTP/1.1\r\nHost: a\r\nCookie: a\r\nCookie: b\r\nX-A: 1\r\nX_B: 2\r\n\r\n"
#define POST "POST /a%20b?c HTTP/1.1\r\nHost: a:1\r\nContent-Length: 8\r\n\r\nab\ncd\nef"
#define CHUNKS                                                                                     \
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n"
#define BAD_CHUNK "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nbX"

static const struct {
    const char *app, *request;
} rows[] = {
    {"simple", GET},
    {"simple", "HEAD / HTTP/1.0\r\n\r\n"},
    {"generator", GET},
    {"generator", "GET / HTTP/1.0\r\n\r\n"},
    {"write", GET},
    {"read", POST},
    {"read", CHUNKS},
    {"read", BAD_CHUNK},
    {"lines", POST},
    {"lines", CHUNKS},
    {"wrapper", GET},
    {"file", GET},
    {"raises", GET},
    {"raises_midway", GET},
    {"exits", GET},
    {"text", GET},
    {"none", GET},
    {"bad_status", GET},
    {"bad_header", GET},
    {"bad_headers", GET},
    {"wide", GET},
    {"short_list", GET},
    {"short", GET},
    {"long_list", GET},
    {"long", GET},
    {"long", "HEAD / HTTP/1.0\r\n\r\n"},
    {"late", GET},
    {"writes_long", GET},
    {"part", GET},
    {"part", "HEAD / HTTP/1.0\r\n\r\n"},
    {"part_of_file", GET},
    {"no_start", GET},
    {"twice", GET},
    {"replaced", GET},
    {"too_late", GET},
    {"closing", GET},
    {"keeps", GET},
    {"asgi", GET},
};

static void serve(struct gateway *gateway, const char *text)
{
    struct request_limits limits = {.line = 4096, .section = 4096, .fields = 100, .content = 4096};
    struct body_limits body_limits = {4096, 4096};
    struct request request;
    struct conn conn;
    struct exchange exchange = {.conn = &conn, .request = &request, .path_info = SLICE("/")};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        write(pair[0], text, strlen(text)) != (ssize_t)strlen(text) ||
        conn_init(&conn, pair[1], 65536, &(struct conn_timeouts){0}) < 0 ||
        conn_read_head(&conn, &limits, DEADLINE_NEVER, &request) != 0)
        abort();
    shutdown(pair[0], SHUT_WR);
    peer_of_socket(pair[1], &exchange.peer);
    exchange.client.address = exchange.peer.address;
    content_init(&exchange.content, &conn, &request, &body_limits);
    reply_init(&exchange.reply, &conn, &request);
    gateway_run(gateway, &exchange);
    reply_done(&exchange.reply);
    conn_done(&conn);
    close(pair[0]);
}

/* The number of memory blocks that Python has allocated. */
static long long count_blocks(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *collected = PyObject_CallMethod(PyImport_AddModule("gc"), "collect", NULL);
    PyObject *count = PyObject_CallMethod(PyImport_AddModule("sys"), "getallocatedblocks", NULL);
    long long blocks = PyLong_AsLongLong(count);

    Py_XDECREF(collected);
    Py_XDECREF(count);
    PyGILState_Release(state);
    return blocks;
}

static struct gateway *load(const char *directory, const char *app)
{
    char name[256];
    struct problem problem;
    struct application application;
    struct gateway *gateway;

    struct application_source source = {.name = name, .path = &directory, .n_path = 1};

    snprintf(name, sizeof(name), MODULE ":%s", app);
    if (application_load(&source, &application, &problem) != 0 ||
        gateway_new(&application, &gateway, &problem) != 0) {
        fprintf(stderr, "%s\n", problem.text);
        abort();
    }
    return gateway;
}

/* Discards standard error, or restores it: apps that fail print tracebacks. */
static void silence(bool on)
{
    static int saved = -1;

    if (saved < 0)
        saved = dup(STDERR_FILENO);
    int target = on ? open("/dev/null", O_WRONLY) : dup(saved);
    dup2(target, STDERR_FILENO);
    close(target);
}

static void check(const char *directory, const char *app, const char *request)
{
    enum { WARM_UP = 400, ROUNDS = 2000 };
    struct gateway *gateway = load(directory, app);
    long long before = 0;

    silence(true);
    for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        if (i == WARM_UP)
            before = count_blocks();
        serve(gateway, request);
    }
    long long grown = count_blocks() - before;
    silence(false);
    /* The interpreter's caches may grow a little. A leak costs at least one block per request. */
    unit_ok(grown < ROUNDS / 2, "%lld blocks more after %d requests", grown, ROUNDS);
}

int main(void)
{
    char directory[] = "/tmp/wsgi-once-test-XXXXXX", file[128];
    struct problem problem;
    struct python_config config = {.dump_signal = SIGRTMAX - 1};

    if (!mkdtemp(directory))
        abort();
    snprintf(file, sizeof(file), "%s/" MODULE ".py", directory);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    size_t size = strlen(gateway_apps_source);
    if (fd < 0 || write(fd, gateway_apps_source, size) != (ssize_t)size || close(fd) < 0 ||
        setenv("PYTHONDONTWRITEBYTECODE", "1", 1) < 0 || python_start(&config, &problem) != 0)
        abort();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("no reference is lost: %s, %.*s", rows[i].app,
            (int)strcspn(rows[i].request, "\r"), rows[i].request);
        check(directory, rows[i].app, rows[i].request);
    }
    unlink(file);
    rmdir(directory);
    int status = unit_done();
    fflush(NULL);
    _exit(status); /* gateways and the interpreter live until the process ends */
}
