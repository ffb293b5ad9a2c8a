#include "worker/request_timer.h"

#include "http/response.h"

#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_SIGNAL SIGRTMAX
/* The time for writing to standard error. The server waits longer than that before it kills. */
#define REPORT_TIMEOUT_SEC 1
/* The time for exiting after the deadline was exceeded in conn_linger(). */
#define EXIT_TIMEOUT_SEC 1

#ifndef sigev_notify_thread_id /* in timer_create(2), but not in older C libraries */
#    define sigev_notify_thread_id _sigev_un._tid
#endif

/* The state for the signal handler. */
static struct {
    struct conn *volatile conn; /* NULL once the connection is closed */
    struct report *report;      /* or NULL */
    timer_t timer;
    char name[256];
    volatile sig_atomic_t has_name;
    volatile sig_atomic_t is_head;
    volatile sig_atomic_t must_linger; /* before the process exits */
} request_timer;

/* ---- in the signal handler: only what signal-safety(7) allows ------------------------------- */

/* Writes "wsgi-once: NAME" and `what`, a line, with a single write(2). */
static void write_line(const char *what)
{
    const char *parts[] = {
        "wsgi-once: ", request_timer.has_name ? request_timer.name : "a request", what};
    char line[512];
    size_t size = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t n = strlen(parts[i]);
        n = n < sizeof(line) - size ? n : sizeof(line) - size;
        memcpy(line + size, parts[i], n);
        size += n;
    }
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written; /* the process exits in any case */
}

static void send_last_response(struct conn *conn, unsigned status)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    size_t size = response_write_plain(status, NULL, request_timer.is_head, time(NULL), buffer);

    ssize_t n = send(conn->fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        conn->sent += (uint64_t)n;
    conn_end_output(conn);
}

/* For the access record, which the process that reaps this one writes. */
static void fill_report(const struct conn *conn)
{
    if (!request_timer.report)
        return;
    request_timer.report->status = conn->status;
    request_timer.report->received = conn->received;
    request_timer.report->sent = conn->sent;
}

static void exit_after_deadline(void)
{
    struct conn *conn = request_timer.conn;

    if (request_timer.must_linger)
        conn_linger(conn, true);
    if (conn)
        fill_report(conn);
    _exit(EX_TEMPFAIL);
}

static void on_report_timeout(int signal)
{
    (void)signal;
    exit_after_deadline();
}

/* Writes the message and has the interpreter print the tracebacks. If that takes too long, because
 * standard error is a pipe that nobody reads, the process exits. */
static void report_deadline(const char *what)
{
    struct sigaction timeout = {.sa_handler = on_report_timeout};
    struct itimerspec when = {.it_value = {.tv_sec = REPORT_TIMEOUT_SEC}};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, DEADLINE_SIGNAL);
    sigaction(DEADLINE_SIGNAL, &timeout, NULL);
    timer_settime(request_timer.timer, 0, &when, NULL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* blocked in its handler, which this is */
    write_line(what);
    raise(DUMP_SIGNAL);
    when.it_value.tv_sec = 0;
    timer_settime(request_timer.timer, 0, &when, NULL);
}

/* The response comes first, so that the client does not wait for the tracebacks. */
static void end_request(struct conn *conn)
{
    unsigned status = request_timer.has_name ? 504 : 408;

    request_timer.must_linger = conn_claim_response(conn, status);
    if (request_timer.must_linger)
        send_last_response(conn, status);
    else
        conn_abort(conn);
    report_deadline(": timed out (--request-timeout)\n");
}

/* The client has exceeded the deadline, not the app. The process gets some time to exit by itself.
 */
static void stop_lingering(struct conn *conn)
{
    struct itimerspec when = {.it_value = {.tv_sec = EXIT_TIMEOUT_SEC}};

    conn->peer_ended = 1;
    conn->lingering = 0;
    timer_settime(request_timer.timer, 0, &when, NULL);
}

static void on_deadline(int signal)
{
    struct conn *conn = request_timer.conn;

    (void)signal;
    if (conn && conn->end == 0)
        _exit(0); /* the client has sent nothing */
    if (conn && conn->lingering) {
        stop_lingering(conn);
        return;
    }
    if (conn && !conn->ended)
        end_request(conn);
    else
        report_deadline(": timed out after its answer (--request-timeout)\n");
    exit_after_deadline();
}

/* Until the interpreter has installed its own handler. */
static void on_early_dump(int signal)
{
    (void)signal;
}

/* ---- outside of the signal handler ---------------------------------------------------------- */

/* The signal goes to this thread, the one that uses the connection: so no other thread can be using
 * it while the handler does. */
static int create_timer(usec_t timeout)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = DEADLINE_SIGNAL,
        .sigev_notify_thread_id = gettid(),
    };
    struct itimerspec when = {0};

    when.it_value.tv_sec = (time_t)(timeout / USEC_PER_SEC);
    when.it_value.tv_nsec = (long)(timeout % USEC_PER_SEC * 1000);
    if (timer_create(CLOCK_MONOTONIC, &event, &request_timer.timer) < 0)
        return -1;
    return timer_settime(request_timer.timer, 0, &when, NULL);
}

int request_timer_start(struct conn *conn, struct report *report, usec_t timeout)
{
    struct sigaction deadline = {.sa_handler = on_deadline, .sa_flags = SA_RESTART};
    struct sigaction dump = {.sa_handler = on_early_dump, .sa_flags = SA_RESTART}, present;
    sigset_t signals;

    request_timer.conn = conn;
    request_timer.report = report;
    request_timer.has_name = 0; /* a warm-up in the parent has set it */
    request_timer.must_linger = 0;
    if (timeout == 0)
        return 0;
    if (sigaction(DUMP_SIGNAL, NULL, &present) < 0 ||
        (present.sa_handler == SIG_DFL && sigaction(DUMP_SIGNAL, &dump, NULL) < 0) ||
        sigaction(DEADLINE_SIGNAL, &deadline, NULL) < 0)
        return -1;
    sigemptyset(&signals); /* they may be blocked in the mask that was inherited */
    sigaddset(&signals, DEADLINE_SIGNAL);
    sigaddset(&signals, DUMP_SIGNAL);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    return create_timer(timeout);
}

void request_timer_set_request(const char *name, bool is_head)
{
    request_timer.is_head = is_head;
    strncpy(request_timer.name, name, sizeof(request_timer.name) - 1);
    request_timer.has_name = 1;
}

void request_timer_forget_connection(void)
{
    request_timer.conn = NULL;
}
