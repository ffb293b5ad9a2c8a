#include "worker/request_timer.h"

#include "http/response.h"

#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_SIGNAL SIGRTMAX
/* For the log to take what there is to say. The server, which waits longer, kills after that. */
#define LAST_WORDS_TIME_SEC 1

#ifndef sigev_notify_thread_id /* timer_create(2) names it, older C libraries do not */
#    define sigev_notify_thread_id _sigev_un._tid
#endif

/* What the signal handler needs. */
static struct {
    struct conn *volatile conn; /* NULL once the connection is closed */
    struct report *report;      /* or NULL */
    timer_t timer;
    usec_t linger_timeout;
    char name[256];
    volatile sig_atomic_t has_name;
    volatile sig_atomic_t is_head;
    volatile sig_atomic_t to_linger; /* before the end */
} overdue;

/* ---- in the signal handler: only what signal-safety(7) allows ------------------------------- */

/* One line with one write. */
static void say(const char *what)
{
    const char *parts[] = {"wsgi-once: ", overdue.has_name ? overdue.name : "a request", what};
    char line[512];
    size_t size = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t n = strlen(parts[i]);
        n = n < sizeof(line) - size ? n : sizeof(line) - size;
        memcpy(line + size, parts[i], n);
        size += n;
    }
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written; /* the process ends anyway */
}

static void answer(struct conn *conn, unsigned status)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    size_t size = response_write_plain(status, NULL, overdue.is_head, time(NULL), buffer);

    ssize_t n = send(conn->fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        conn->sent += (uint64_t)n;
    conn_end_output(conn);
}

/* For who writes the record. */
static void note_end(const struct conn *conn)
{
    if (!overdue.report)
        return;
    overdue.report->status = conn->status;
    overdue.report->received = conn->received;
    overdue.report->sent = conn->sent;
}

static void end_process(void)
{
    struct conn *conn = overdue.conn;

    if (overdue.to_linger)
        conn_linger(conn, true, overdue.linger_timeout);
    if (conn)
        note_end(conn);
    _exit(EX_TEMPFAIL);
}

static void on_stuck(int signal)
{
    (void)signal;
    end_process();
}

/* Says it, with the tracebacks. Standard error may be a pipe that nobody reads: if this takes too
 * long, it is the end. */
static void say_last_words(const char *what)
{
    struct sigaction end = {.sa_handler = on_stuck};
    struct itimerspec when = {.it_value = {.tv_sec = LAST_WORDS_TIME_SEC}};
    sigset_t deadline;

    sigemptyset(&deadline);
    sigaddset(&deadline, DEADLINE_SIGNAL);
    sigaction(DEADLINE_SIGNAL, &end, NULL);
    timer_settime(overdue.timer, 0, &when, NULL);
    pthread_sigmask(SIG_UNBLOCK, &deadline, NULL); /* this is its handler */
    say(what);
    raise(DUMP_SIGNAL);
    when.it_value.tv_sec = 0;
    timer_settime(overdue.timer, 0, &when, NULL);
}

/* The client comes first, then the tracebacks. */
static void end_request(struct conn *conn)
{
    unsigned status = overdue.has_name ? 504 : 408;

    overdue.to_linger = conn_claim_response(conn, status);
    if (overdue.to_linger)
        answer(conn, status);
    else
        conn_abort(conn);
    say_last_words(": timed out (--request-timeout)\n");
}

/* The client is late, not the app. The end of the process gets another second. */
static void stop_lingering(struct conn *conn)
{
    struct itimerspec when = {.it_value = {.tv_sec = 1}};

    conn->peer_ended = 1;
    conn->lingering = 0;
    timer_settime(overdue.timer, 0, &when, NULL);
}

static void on_deadline(int signal)
{
    struct conn *conn = overdue.conn;

    (void)signal;
    if (conn && conn->end == 0)
        _exit(0); /* a client that sent nothing at all */
    if (conn && conn->lingering) {
        stop_lingering(conn);
        return;
    }
    if (conn && !conn->ended)
        end_request(conn);
    else
        say_last_words(": timed out after its answer (--request-timeout)\n");
    end_process();
}

/* Takes the place of the dump until the interpreter runs. */
static void do_nothing(int signal)
{
    (void)signal;
}

/* ---- outside -------------------------------------------------------------------------------- */

/* The signal goes to this thread, so that what it does with the connection is not under way in
 * another one. */
static int set_timer(usec_t timeout)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = DEADLINE_SIGNAL,
        .sigev_notify_thread_id = gettid(),
    };
    struct itimerspec when = {0};

    when.it_value.tv_sec = (time_t)(timeout / USEC_PER_SEC);
    when.it_value.tv_nsec = (long)(timeout % USEC_PER_SEC * 1000);
    if (timer_create(CLOCK_MONOTONIC, &event, &overdue.timer) < 0)
        return -1;
    return timer_settime(overdue.timer, 0, &when, NULL);
}

int request_timer_start(
    struct conn *conn, struct report *report, usec_t timeout, usec_t linger_timeout)
{
    struct sigaction end = {.sa_handler = on_deadline, .sa_flags = SA_RESTART};
    struct sigaction nothing = {.sa_handler = do_nothing, .sa_flags = SA_RESTART}, present;
    sigset_t signals;

    overdue.conn = conn;
    overdue.report = report;
    overdue.has_name = 0; /* that of a warm-up, in the process this one was forked from */
    overdue.to_linger = 0;
    overdue.linger_timeout = linger_timeout;
    if (timeout == 0)
        return 0;
    if (sigaction(DUMP_SIGNAL, NULL, &present) < 0 ||
        (present.sa_handler == SIG_DFL && sigaction(DUMP_SIGNAL, &nothing, NULL) < 0) ||
        sigaction(DEADLINE_SIGNAL, &end, NULL) < 0)
        return -1;
    sigemptyset(&signals); /* whoever started this process may have blocked them */
    sigaddset(&signals, DEADLINE_SIGNAL);
    sigaddset(&signals, DUMP_SIGNAL);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    return set_timer(timeout);
}

void request_timer_set_request(const char *name, bool is_head)
{
    overdue.is_head = is_head;
    strncpy(overdue.name, name, sizeof(overdue.name) - 1);
    overdue.has_name = 1;
}

void request_timer_forget_connection(void)
{
    overdue.conn = NULL;
}
