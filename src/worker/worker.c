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
#include "worker/identity.h"
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
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* The part of the connection's buffer after the head: the largest piece of content. */
enum { CONTENT_CAPACITY = 65536 };

/* The size of the connection's buffer. The largest head is an empty line, a request line and a
 * field section, with their line ends. */
static size_t buffer_capacity(const struct options *options)
{
    return 2 + options->max_request_line + 2 + options->max_field_section + 2 + CONTENT_CAPACITY;
}

/* Sets the name and ID of the request, for the log and the report. */
static void set_request(const struct worker *worker, struct exchange *exchange)
{
    const struct request *request = exchange->request;

    identity_set(exchange, &worker->options->trust);
    struct slice id = slice_unless_empty(exchange->id);
    log_set_request(request->method, request->target, id);
    if (worker->report)
        report_set_request(worker->report, request->target.data ? exchange->name : "", exchange->id,
            &exchange->client.address);
}

/* Whether the method is HEAD, also if the request line was refused before it was parsed. */
static bool is_head_request(const struct exchange *exchange)
{
    const struct conn *conn = exchange->conn;

    return slice_equal(exchange->request->method, SLICE("HEAD")) ||
        (conn->end >= 5 && memcmp(conn->buffer, "HEAD ", 5) == 0);
}

/* Sends a response without the app. detail: text for its content, or NULL. */
static void send_plain_response(struct exchange *exchange, int status, const char *detail)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    size_t size = response_write_plain(
        (unsigned)status, detail, is_head_request(exchange), time(NULL), buffer);
    struct iovec part = {buffer, size}, *parts = &part;
    size_t count = 1;
    const char *content = memmem(buffer, size, "\r\n\r\n", 4);

    if (!conn_claim_response(exchange->conn, (unsigned)status))
        return;
    exchange->own_head_size = content ? (size_t)(content + 4 - buffer) : size;
    while (conn_send(exchange->conn, &parts, &count) == -EINTR)
        ;
}

/* ---- loading -------------------------------------------------------------------------------- */

int worker_load(struct worker *worker, struct problem *ret_problem)
{
    const struct options *options = worker->options;
    struct application application;
    struct python_config config = {
        .venv = options->venv,
        .dump_signal = DUMP_SIGNAL,
        .is_interruptible = !worker->signal_policy || !worker->signal_policy->ignores_stop,
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
    if (r == 0 && worker->signal_policy)
        signals_ignore(worker->signal_policy);
    if (r == 0 && worker->observer)
        observe_sources(worker->observer);
    if (r == 0)
        r = application_load(&source, &application, ret_problem);
    if (r == 0)
        r = gateway_new(&application, &worker->gateway, ret_problem);
    return r;
}

/* ---- serving -------------------------------------------------------------------------------- */

/* Splits the path into SCRIPT_NAME and PATH_INFO, at the mount point. The mount point must end
 * where a segment ends. buffer: as large as the path. Returns whether the path is below the mount
 * point. */
static bool split_path(struct exchange *exchange, const char *mount, char *buffer)
{
    struct slice path = {buffer, target_decode_path(exchange->request->path, buffer)};
    struct slice script_name = {mount, strlen(mount)};

    if (path.size < script_name.size || memcmp(path.data, mount, script_name.size) != 0)
        return false;
    exchange->script_name = script_name;
    exchange->path_info = slice_after(path, script_name.size);
    return exchange->path_info.size == 0 || exchange->path_info.data[0] == '/';
}

/* Returns the status for a form of request that is not for the app, or 0. */
static int check_form(struct request *request)
{
    if (request->form == REQUEST_AUTHORITY) {
        request->problem = "tunnels are not supported";
        return 501;
    }
    /* "OPTIONS *" is for the server as a whole (RFC 9110 §9.3.7). */
    return request->form == REQUEST_ASTERISK ? 200 : 0;
}

/* Returns 0 if the app is loaded, or an exit status. */
static int load_if_needed(struct worker *worker)
{
    struct problem problem;

    if (worker->gateway || worker->failure != 0)
        return worker->failure;
    int r = worker_load(worker, &problem);
    if (r != 0)
        log_event(LOG_ERR, MESSAGE_ID_IMPORT_FAILED, NULL, 0, "%s", problem.text);
    return r;
}

/* Prepares the exchange for the app. Returns 0, or the status with which to refuse the request. */
static int prepare_exchange(struct exchange *exchange, const struct options *options, char *path)
{
    struct request *request = exchange->request;
    struct body_limits limits = {
        .content = options->max_content,
        .overhead = options->max_field_section,
    };

    if (!split_path(exchange, options->mount, path)) {
        request->problem = "no application is mounted at this path";
        return 404;
    }
    content_init(&exchange->content, exchange->conn, request, &limits);
    reply_init(&exchange->reply, exchange->conn, request);
    return 0;
}

/* Ends the connection after gateway_run has returned r. */
static void end_connection(struct exchange *exchange, int r)
{
    struct conn *conn = exchange->conn;

    /* An incomplete response without a length can be detected only by a reset. Nor is there a
     * reason to wait for a client that has stopped reading. */
    if (r == -ETIMEDOUT || (r < 0 && exchange->reply.response.framing == RESPONSE_CLOSE)) {
        conn_abort(conn);
        return;
    }
    conn_end_output(conn);
    conn_linger(conn, !content_is_received(&exchange->content));
}

/* Serves a valid request through the app. Returns the exit status of the process. */
static int run_application(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;

    if (!worker->report) /* else the server can name the request of a process that was killed */
        access_report_begin(exchange, options->access_log);
    int status = load_if_needed(worker);
    int r = status != 0 ? 500 : gateway_run(worker->gateway, exchange);

    if (r > 0)
        send_plain_response(exchange, r, r == 500 ? NULL : exchange->content.problem);
    if (worker->failure != 0)
        log_line(LOG_ERR, "%s: answered 500: cannot serve the application", exchange->name);
    end_connection(exchange, r);
    reply_done(&exchange->reply);
    return status;
}

/* Answers a request without the app. expect_content: the client may still be sending. Logs after
 * the response, because logging may take time. */
static void refuse_request(struct exchange *exchange, int status, bool expect_content)
{
    const char *problem = exchange->request->problem;

    send_plain_response(exchange, status, problem);
    conn_end_output(exchange->conn);
    if (status != 200)
        log_line(LOG_INFO, "%s: answered %d: %s", exchange->name, status, problem ? problem : "");
    conn_linger(exchange->conn, expect_content);
}

/* Serves a request whose head was read. Returns the exit status of the process. */
static int handle_request(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;
    struct request *request = exchange->request;
    _cleanup_(freep) char *path = malloc(request->path.size + 1);
    int r = check_form(request);

    if (r == 0)
        r = path ? prepare_exchange(exchange, options, path) : 500;
    if (r == 0)
        return run_application(worker, exchange);
    refuse_request(exchange, r, request_has_content(request));
    return path ? 0 : EX_OSERR;
}

static struct request_limits request_limits_of(const struct options *options)
{
    return (struct request_limits){
        .line = options->max_request_line,
        .section = options->max_field_section,
        .fields = options->max_fields,
        .content = options->max_content,
    };
}

/* Reads the header of the PROXY protocol if the peer must send one. Returns whether the request can
 * be read. If not, there is no response: the peer may not speak HTTP. */
static bool read_proxy_header(
    struct exchange *exchange, usec_t deadline, const struct options *options)
{
    const struct address proxy = exchange->peer.address;
    const char *problem = NULL;

    if (!options->proxy_protocol)
        return true;
    if (proxy.family == 0) /* a health check that has disconnected: it may be a proxy, or not */
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

/* Reads and serves a request. Returns the exit status of the process. */
static int serve_exchange(struct worker *worker, struct exchange *exchange)
{
    const struct options *options = worker->options;
    struct request_limits limits = request_limits_of(options);
    usec_t deadline = deadline_after(options->timeouts.head);
    /* After a reset getpeername(2) fails, although the request can be read. An app must not act on
     * a request from an unknown address. */
    bool has_address = exchange->peer.address.family != 0;
    bool is_complete = false;

    if (!read_proxy_header(exchange, deadline, options))
        return 0;
    int r = conn_read_head(exchange->conn, &limits, deadline, exchange->request);
    if (r == 0 && !has_address)
        r = -ECONNRESET;
    if (r == 0) {
        is_complete = true;
        r = client_find(&exchange->peer, &options->trust, exchange->request, &exchange->client);
    }
    if (r > 0 || exchange->request->target.data)
        set_request(worker, exchange);
    if (r < 0)
        return 0; /* the client has disconnected, which is no error */
    if (r > 0) {
        refuse_request(exchange, r, !is_complete || request_has_content(exchange->request));
        return 0;
    }
    request_timer_set_request(exchange->name, is_head_request(exchange));
    return handle_request(worker, exchange);
}

void worker_prefault(const struct worker *worker)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
    struct request_limits limits = request_limits_of(worker->options);
    struct conn conn;
    struct request request = {0};
    struct exchange exchange = {.conn = &conn, .request = &request};
    size_t size = sizeof(head) - 1;

    if (conn_init_without_socket(&conn, buffer_capacity(worker->options)) == 0) {
        char path[] = "/";
        memcpy(conn.buffer, head, size);
        if (request_parse(&request, conn.buffer, size, &limits, &size) == 0 &&
            prepare_exchange(&exchange, worker->options, path) == 0) {
            gateway_prefault(worker->gateway, &exchange);
            reply_done(&exchange.reply);
        }
    }
    conn_done(&conn);
}

/* Without the limits that the admin wants, the worker must not serve. */
static void set_limits(struct worker *worker)
{
    const char *option;
    int r = limits_set(&worker->options->limits, &option);

    if (r == 0)
        return;
    log_line(LOG_ERR, "cannot set %s: %s", option, strerror(-r));
    worker->failure = EX_OSERR;
}

/* Writes the access record after the connection was closed; its buffer still exists. A connection
 * without a request has no name, and no record. */
static void write_access_record(
    const struct worker *worker, const struct access *access, const struct exchange *exchange)
{
    if (exchange->name[0] != '\0') {
        access_end(access, exchange, worker->options->access_log);
        if (worker->report)
            worker->report->recorded = true;
    }
    log_forget_request();
    log_flush();
}

int worker_serve(struct worker *worker, int fd)
{
    const struct options *options = worker->options;
    const struct conn_timeouts timeouts = {
        .read = options->timeouts.read,
        .write = options->timeouts.write,
        .linger = options->timeouts.linger,
    };
    struct conn conn;
    struct request request = {0};
    struct exchange exchange = {.conn = &conn, .request = &request};
    struct access access;
    int status = EX_OSERR;

    access_begin(&access);
    peer_of_socket(fd, &exchange.peer);
    exchange.client.address = exchange.peer.address;
    address_of_socket(fd, &exchange.server);
    int r = conn_init(&conn, fd, buffer_capacity(options), &timeouts);
    if (r == 0)
        r = conn_close_on_fork(&conn);
    if (r < 0)
        log_line(LOG_ERR, "cannot set up the connection: %s", strerror(-r));
    else {
        set_limits(worker);
        if (request_timer_start(&conn, worker->report, options->timeouts.request) < 0)
            log_line(LOG_ERR, "cannot set the timer of --request-timeout: %m");
        status = serve_exchange(worker, &exchange);
        request_timer_forget_connection();
    }
    conn_close(&conn);
    write_access_record(worker, &access, &exchange);
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
