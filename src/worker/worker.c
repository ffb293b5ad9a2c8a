#include "worker/worker.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "http/response.h"
#include "log/access.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "net/conn.h"
#include "net/exchange.h"
#include "net/proxied.h"
#include "proxy/peer.h"
#include "worker/limits.h"
#include "worker/process_exit.h"
#include "worker/request_timer.h"
#include "worker/scoreboard.h"
#include "worker/signals.h"
#include "wsgi/application.h"
#include "wsgi/gateway.h"
#include "wsgi/observe.h"
#include "wsgi/python.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* The room for content behind the head in the connection's buffer: the largest piece of content. */
enum { CONTENT_CAPACITY = 65536 };

/* The largest head: an empty line, request line and field section with their ends. */
static size_t head_capacity(const struct options *options)
{
    return 2 + options->max_request_line + 2 + options->max_field_section + 2;
}

/* The name of the request, as far as it is known, for the log. The target of one that was refused
 * may hold other than visible characters. */
static void name_request(struct exchange *exchange)
{
    const struct request *request = exchange->request;

    if (!request->target.data)
        snprintf(exchange->name, sizeof(exchange->name), "a request");
    else
        snprintf(exchange->name, sizeof(exchange->name), "%.*s %.*s", (int)request->method.size,
            request->method.data, (int)request->target.size, request->target.data);
    for (char *c = exchange->name; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* An ID that came with the request, from who is trusted with that, or else a new one. None at all
 * when the kernel has no random bytes to give. */
static void identify_request(struct exchange *exchange, const struct options *options)
{
    bool is_trusted = peer_is_trusted(&exchange->peer, &options->trust);
    struct slice id = is_trusted ? request_id_find(exchange->request) : (struct slice){0};
    unsigned char random[REQUEST_ID_RANDOM_SIZE];

    if (id.data)
        memcpy(exchange->id, id.data, id.size); /* the rest is zeroed */
    else if (getrandom(random, sizeof(random), 0) == sizeof(random))
        request_id_write(random, exchange->id);
}

/* From here on the request is known to who reads the log. */
static void introduce_request(const struct worker *worker, struct exchange *exchange)
{
    const struct request *request = exchange->request;

    name_request(exchange);
    identify_request(exchange, worker->options);
    struct slice id = slice_unless_empty(exchange->id);
    log_set_request(request->method, request->target, id);
    if (worker->report)
        report_set_request(worker->report, request->target.data ? exchange->name : "", exchange->id,
            &exchange->client.address);
}

/* Also when the request line was refused before it was taken apart. */
static bool is_to_head(const struct exchange *exchange)
{
    const struct conn *conn = exchange->conn;

    return slice_equal(exchange->request->method, SLICE("HEAD")) ||
        (conn->end >= 5 && memcmp(conn->buffer, "HEAD ", 5) == 0);
}

/* ---- answers of the server itself ----------------------------------------------------------- */

static void answer(
    struct exchange *exchange, int status, const char *detail, const struct options *options)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    size_t size =
        response_write_plain((unsigned)status, detail, is_to_head(exchange), time(NULL), buffer);
    struct iovec part = {buffer, size}, *parts = &part;
    size_t count = 1;
    const char *content = memmem(buffer, size, "\r\n\r\n", 4);

    if (!conn_claim_response(exchange->conn, (unsigned)status))
        return;
    exchange->own_head_size = content ? (size_t)(content + 4 - buffer) : size;
    while (conn_send(exchange->conn, &parts, &count, options->write_timeout) == -EINTR)
        ;
}

/* ---- loading -------------------------------------------------------------------------------- */

int worker_load(struct worker *worker, char **ret_problem)
{
    const struct options *options = worker->options;
    struct application application;
    struct python_config config = {
        .venv = options->venv,
        .dump_signal = DUMP_SIGNAL,
        .is_interruptible = !worker->survival || !worker->survival->of_stop,
    };
    struct application_source source = {
        .name = options->application,
        .path = options->python_path,
        .n_path = options->python_paths,
    };

    if (options->directory && chdir(options->directory) < 0)
        return problem_set(ret_problem, EX_CONFIG, "option --directory: cannot enter '%s': %m",
            options->directory);
    int r = python_start(&config, ret_problem);
    if (r == 0 && worker->survival)
        signals_ignore(worker->survival);
    if (r == 0 && worker->observer)
        observe_sources(worker->observer);
    if (r == 0)
        r = application_load(&source, &application, ret_problem);
    if (r == 0)
        r = gateway_new(&application, &worker->gateway, ret_problem);
    return r;
}

/* ---- serving -------------------------------------------------------------------------------- */

/* Splits the path at the mount point, which ends where a segment ends. buffer has room for the
 * path. Returns whether the path is below it. */
static bool route(struct exchange *exchange, const char *mount, char *buffer)
{
    struct slice path = {buffer, target_decode_path(exchange->request->path, buffer)};
    struct slice script_name = {mount, strlen(mount)};

    if (path.size < script_name.size || memcmp(path.data, mount, script_name.size) != 0)
        return false;
    exchange->script_name = script_name;
    exchange->path_info = slice_after(path, script_name.size);
    return exchange->path_info.size == 0 || exchange->path_info.data[0] == '/';
}

/* Requests that are not for the app: a status, or 0 when it is for the app. */
static int judge(struct request *request)
{
    if (request->form == REQUEST_AUTHORITY) {
        request->problem = "tunnels are not supported";
        return 501;
    }
    /* "OPTIONS *" asks the server as a whole (RFC 9110 §9.3.7), which has no options. */
    return request->form == REQUEST_ASTERISK ? 200 : 0;
}

static int load_if_needed(struct worker *worker)
{
    _cleanup_(freep) char *problem = NULL;

    if (worker->gateway || worker->failure != 0)
        return worker->failure;
    int r = worker_load(worker, &problem);
    if (r != 0)
        log_event(
            LOG_ERR, MESSAGE_ID_IMPORT_FAILED, NULL, 0, "%s", problem ? problem : "out of memory");
    return r;
}

/* Prepares what the app needs to know of the request. Returns 0, or the status to refuse it with.
 */
static int prepare(struct exchange *exchange, const struct options *options, char *path)
{
    struct request *request = exchange->request;
    struct body_limits limits = {
        .content = options->max_content,
        .overhead = options->max_field_section,
    };

    if (!route(exchange, options->mount, path)) {
        request->problem = "no application is mounted at this path";
        return 404;
    }
    content_init(&exchange->content, exchange->conn, request, &limits, options->read_timeout);
    reply_init(&exchange->reply, exchange->conn, request, options->write_timeout);
    return 0;
}

/* Ends the connection according to what gateway_run returned. */
static void finish(struct exchange *exchange, int r, const struct options *options)
{
    struct conn *conn = exchange->conn;

    /* Without a length, only a reset tells the client that something is missing; and one that takes
     * nothing is not waited for. */
    if (r == -ETIMEDOUT || (r < 0 && exchange->reply.response.framing == RESPONSE_CLOSE)) {
        conn_abort(conn);
        return;
    }
    conn_end_output(conn);
    conn_linger(conn, !content_is_received(&exchange->content), options->linger_timeout);
}

/* Passes a good request on to the app. Returns the exit status of the process. */
static int pass_on(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;

    if (!worker->report) /* nobody else can name it when this process is killed */
        access_report_begin(exchange, options);
    int status = load_if_needed(worker);
    int r = status != 0 ? 500 : gateway_run(worker->gateway, exchange);

    if (r > 0)
        answer(exchange, r, r == 500 ? NULL : exchange->content.problem, options);
    if (worker->failure != 0)
        log_line(LOG_ERR, "%s: answered 500: cannot serve the application", exchange->name);
    finish(exchange, r, options);
    reply_done(&exchange->reply);
    return status;
}

/* A request that does not reach the app. expect: the client may still be sending. It has its answer
 * before the log, which may have to be waited for. */
static void refuse(
    struct exchange *exchange, int status, bool expect, const struct options *options)
{
    const char *problem = exchange->request->problem;

    answer(exchange, status, problem, options);
    conn_end_output(exchange->conn);
    if (status != 200)
        log_line(LOG_INFO, "%s: answered %d: %s", exchange->name, status, problem ? problem : "");
    conn_linger(exchange->conn, expect, options->linger_timeout);
}

/* A request whose head is whole. Returns the exit status of the process. */
static int handle(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;
    struct request *request = exchange->request;
    _cleanup_(freep) char *path = malloc(request->path.size + 1);
    int r = judge(request);

    if (r == 0)
        r = path ? prepare(exchange, options, path) : 500;
    if (r == 0)
        return pass_on(worker, exchange);
    refuse(exchange, r, request_has_content(request), options);
    return path ? 0 : EX_OSERR;
}

static struct request_limits request_limits(const struct options *options)
{
    return (struct request_limits){
        .line = options->max_request_line,
        .section = options->max_field_section,
        .fields = options->max_fields,
        .content = options->max_content,
    };
}

/* Reads what a trusted proxy sends before the request. Returns whether that is in order; else there
 * is nobody to answer, because who spoke may not speak HTTP. */
static bool read_proxy_header(
    struct exchange *exchange, usec_t deadline, const struct options *options)
{
    const struct address proxy = exchange->peer.address;
    const char *problem = NULL;

    if (!options->proxy_protocol)
        return true;
    if (proxy.family == 0) /* a health check that has left: it could be a proxy's, or not */
        return false;
    if (!peer_is_trusted(&exchange->peer, &options->trust))
        return true;
    int r = proxied_read(exchange, deadline, &problem);
    if (problem) {
        conn_abort(exchange->conn);
        log_line(LOG_WARNING, "aborted a connection from %s: PROXY protocol header: %s",
            proxy.family == AF_UNIX ? "a unix socket" : proxy.host, problem);
    }
    return r == 0;
}

static int serve(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;
    struct request_limits limits = request_limits(options);
    usec_t deadline = deadline_after(options->head_timeout);
    /* After a reset getpeername(2) fails, but what came before it can be read: an app is not to act
     * for somebody without an address. */
    bool has_left = exchange->peer.address.family == 0;
    bool is_whole = false;

    if (!read_proxy_header(exchange, deadline, options))
        return 0;
    int r = conn_read_request(exchange->conn, &limits, deadline, exchange->request);
    if (r == 0 && has_left)
        r = -ECONNRESET;
    if (r == 0) {
        is_whole = true;
        r = client_find(&exchange->peer, &options->trust, exchange->request, &exchange->client);
    }
    if (r > 0 || exchange->request->target.data)
        introduce_request(worker, exchange);
    if (r < 0)
        return 0; /* the client has left: nobody to answer, nothing wrong */
    if (r > 0) {
        refuse(exchange, r, !is_whole || request_has_content(exchange->request), options);
        return 0;
    }
    request_timer_set_request(exchange->name, is_to_head(exchange));
    return handle(worker, exchange);
}

static void rehearse(const struct worker *worker, struct conn *conn)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
    struct request_limits limits = request_limits(worker->options);
    struct request request = {0};
    struct exchange exchange = {.conn = conn, .request = &request};
    char path[] = "/";
    size_t size = sizeof(head) - 1;

    memcpy(conn->buffer, head, size);
    if (request_parse(&request, conn->buffer, size, &limits, &size) != 0 ||
        prepare(&exchange, worker->options, path) != 0)
        return;
    gateway_prefault(worker->gateway, &exchange);
    reply_done(&exchange.reply);
}

void worker_prefault(const struct worker *worker)
{
    struct conn conn;

    conn_init(&conn, -1, head_capacity(worker->options) + CONTENT_CAPACITY); /* with nobody */
    if (conn.buffer)
        rehearse(worker, &conn);
    conn_done(&conn);
}

/* Limits that cannot be set are no limits: better not to serve. */
static void set_limits(struct worker *worker)
{
    const char *option;
    int r = limits_set(worker->options, &option);

    if (r == 0)
        return;
    log_line(LOG_ERR, "cannot set %s: %s", option, strerror(-r));
    worker->failure = EX_OSERR;
}

/* The connection is closed; its buffer is still there. One that never was a request has no name. */
static void record(
    const struct worker *worker, const struct access *access, const struct exchange *exchange)
{
    if (exchange->name[0] != '\0') {
        access_end(access, exchange, worker->options);
        if (worker->report)
            worker->report->recorded = true;
    }
    log_forget_request();
    log_flush();
}

int worker_serve(struct worker *worker, int fd)
{
    const struct options *options = worker->options;
    struct conn conn;
    struct request request = {0};
    struct exchange exchange = {.conn = &conn, .request = &request};
    struct access access;
    int status = EX_OSERR;

    access_begin(&access);
    peer_of_socket(fd, &exchange.peer);
    exchange.client.address = exchange.peer.address;
    address_of_socket(fd, &exchange.server);
    int r = conn_init(&conn, fd, head_capacity(options) + CONTENT_CAPACITY);
    if (r == 0)
        r = conn_close_on_fork(&conn);
    if (r < 0)
        log_line(LOG_ERR, "cannot set up the connection: %s", strerror(-r));
    else {
        set_limits(worker);
        if (request_timer_start(
                &conn, worker->report, options->request_timeout, options->linger_timeout) < 0)
            log_line(LOG_ERR, "cannot set the timer of --request-timeout: %m");
        status = serve(worker, &exchange);
        request_timer_forget_connection();
    }
    conn_close(&conn);
    record(worker, &access, &exchange);
    conn_done(&conn);
    return worker->failure != 0 ? worker->failure : status;
}

void worker_end(struct worker *worker, int status)
{
    python_end();
    if (worker->report)
        worker->report->done = true;
    process_exit_soon(status);
    python_flush();
    process_exit(status);
}
