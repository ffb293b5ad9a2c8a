#include "net/conn.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Holding back: over TCP, conn_abort sends a reset. A unix socket knows no such thing, but its
 * peer gets ECONNRESET when it is closed with bytes unread (unix(7) says nothing of it; Linux
 * net/unix/af_unix.c, unix_release_sock). So as long as an HTTP/1.0 answer that ends with the
 * connection is possible, the last byte received stays in the socket's queue though it was handed
 * out, and is taken from there before the next wait or an orderly end. */

/* What part_in_child needs, which has no parameter. */
static struct {
    struct conn *conn; /* or NULL */
    bool is_watched;   /* the handler is there; it cannot be taken back */
} kept;

static int socket_family(int fd)
{
    int family = AF_UNSPEC;
    socklen_t size = sizeof(family);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
        return AF_UNSPEC;
    return family;
}

int conn_init(struct conn *conn, int fd, size_t capacity)
{
    int family = socket_family(fd), on = 1;

    *conn = (struct conn){
        .fd = fd,
        .capacity = capacity,
        .holds_back = family == AF_UNIX,
        .owner = getpid(),
        .wake = -1,
    };
    conn->buffer = malloc(capacity);
    if (!conn->buffer)
        return -ENOMEM;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    /* What an app yields is to be sent at once. A client that has left makes this fail: reading
     * will tell. */
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return 0;
}

void conn_close(struct conn *conn)
{
    int fd = take_fd(&conn->fd); /* first, because another thread may fork now */

    if (fd >= 0)
        close(fd);
    conn_disable_cancel(conn);
}

static void part_in_child(void)
{
    if (kept.conn)
        conn_close(kept.conn);
}

int conn_close_on_fork(struct conn *conn)
{
    int error = kept.is_watched ? 0 : pthread_atfork(NULL, NULL, part_in_child);

    kept.is_watched = error == 0;
    kept.conn = conn;
    return -error;
}

void conn_done(struct conn *conn)
{
    conn_close(conn);
    if (kept.conn == conn)
        kept.conn = NULL;
    free(conn->buffer);
    *conn = (struct conn){.fd = -1, .wake = -1};
}

bool conn_claim_response(struct conn *conn, unsigned status)
{
    if (__atomic_exchange_n(&conn->answered, 1, __ATOMIC_SEQ_CST))
        return false;
    conn->status = status;
    return true;
}

bool conn_has_sent_response(const struct conn *conn)
{
    return conn->answered && conn->sent > conn->interim;
}

/* The connection is the parent's: a child that the app forked must leave it alone. Its socket is
 * closed after fork(2); after clone(2) it is there. */
static bool is_shared(const struct conn *conn)
{
    return getpid() != conn->owner;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void release_held(struct conn *conn)
{
    char byte;

    if (conn->held && recv(conn->fd, &byte, 1, 0) == 1)
        conn->held = false;
}

/* recv(2), but the last byte stays in the socket's queue. */
static ssize_t receive_holding_back(struct conn *conn, char *data, size_t size)
{
    ssize_t peeked = recv(conn->fd, data, size, MSG_PEEK);

    for (ssize_t taken = 0; taken < peeked - 1;) {
        ssize_t n = recv(conn->fd, data + taken, (size_t)(peeked - 1 - taken), 0);
        if (n <= 0)
            return n;
        taken += n;
    }
    conn->held = peeked > 0;
    return peeked;
}

static int wait_for(struct conn *conn, short events, usec_t deadline)
{
    struct pollfd poll_fds[] = {
        {.fd = conn->fd, .events = events},
        {.fd = conn->wake, .events = POLLIN}, /* -1 is ignored */
    };
    int n = poll(poll_fds, 2, deadline_poll_timeout(deadline));

    if (n < 0)
        return -errno;
    if (n == 0)
        return -ETIMEDOUT;
    return poll_fds[1].revents != 0 ? -ECANCELED : 0;
}

int conn_fill(struct conn *conn, usec_t deadline)
{
    if (conn->start == conn->end)
        conn->start = conn->end = conn->base;
    if (conn->end == conn->capacity)
        return -ENOBUFS;
    if (conn->peer_ended)
        return -ENODATA;
    if (is_shared(conn))
        return -EPERM;

    release_held(conn);
    for (;;) {
        char *room = conn->buffer + conn->end;
        size_t size = conn->capacity - conn->end;
        ssize_t n = conn->holds_back ? receive_holding_back(conn, room, size)
                                     : recv(conn->fd, room, size, 0);
        if (n > 0) {
            conn->end += (size_t)n;
            conn->received += (size_t)n;
            return 0;
        }
        conn->peer_ended = n == 0;
        if (n == 0)
            return -ENODATA;
        if (errno != EAGAIN)
            return -errno;
        int r = wait_for(conn, POLLIN, deadline);
        if (r < 0)
            return r;
    }
}

struct slice conn_pending(const struct conn *conn)
{
    return (struct slice){conn->buffer + conn->start, conn->end - conn->start};
}

void conn_consume(struct conn *conn, size_t size)
{
    conn->start += size;
}

void conn_discard(struct conn *conn, size_t size)
{
    conn->end -= size;
    memmove(conn->buffer, conn->buffer + size, conn->end);
}

/* The head could not be read to its end: what that means for the client. */
static int head_failure(const struct conn *conn, struct request *request, int error)
{
    if (error == -ETIMEDOUT && conn->end > 0) {
        request->problem = "the request head did not arrive in time";
        return 408;
    }
    if (conn->end == 0)
        return -ENODATA;
    return -ECONNRESET;
}

int conn_read_request(struct conn *conn, const struct request_limits *limits, usec_t deadline,
    struct request *request)
{
    size_t size;

    *request = (struct request){0};
    for (;;) {
        int r = request_parse(request, conn->buffer, conn->end, limits, &size);
        if (r == 0)
            break;
        if (r != -EAGAIN)
            return r;
        do
            r = conn_fill(conn, deadline);
        while (r == -EINTR);
        if (r < 0)
            return head_failure(conn, request, r);
    }
    conn->base = conn->start = size;
    if (request->minor >= 1) { /* its framing can show that an answer was cut off */
        release_held(conn);
        conn->holds_back = false;
    }
    return 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Waits for the client to take something. The deadline outlives a signal, and ends on progress. */
static int wait_to_send(struct conn *conn, usec_t timeout)
{
    if (conn->send_deadline == 0)
        conn->send_deadline = deadline_after(timeout);
    return wait_for(conn, POLLOUT, conn->send_deadline);
}

static void advance(struct iovec **parts, size_t *count, size_t sent)
{
    while (*count > 0 && sent >= (*parts)->iov_len) {
        sent -= (*parts)->iov_len;
        (*parts)++;
        (*count)--;
    }
    if (*count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + sent;
        (*parts)->iov_len -= sent;
    }
}

int conn_send(struct conn *conn, struct iovec **parts, size_t *count, usec_t timeout)
{
    if (is_shared(conn))
        return -EPERM;
    for (;;) {
        advance(parts, count, 0); /* empty parts at the front */
        if (*count == 0)
            return 0;
        struct msghdr message = {.msg_iov = *parts, .msg_iovlen = *count};
        ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            conn->send_deadline = 0;
            conn->sent += (size_t)n;
            advance(parts, count, (size_t)n);
            continue;
        }
        if (errno != EAGAIN)
            return -errno;
        int r = wait_to_send(conn, timeout);
        if (r < 0)
            return r;
    }
}

void conn_send_interim(struct conn *conn, struct slice response)
{
    ssize_t n = send(conn->fd, response.data, response.size, MSG_NOSIGNAL);

    /* If the client has left, reading will tell. */
    if (n > 0)
        conn->sent = conn->interim = (uint64_t)n;
}

int conn_send_file(struct conn *conn, int file, off_t *offset, uint64_t *size, usec_t timeout)
{
    while (*size > 0) {
        if (is_shared(conn))
            return -EPERM;
        size_t want = *size < SSIZE_MAX ? (size_t)*size : SSIZE_MAX;
        ssize_t n = sendfile(conn->fd, file, offset, want);
        if (n > 0) {
            conn->send_deadline = 0;
            conn->sent += (uint64_t)n;
            *size -= (uint64_t)n;
            continue;
        }
        if (n == 0)
            return -ENODATA;
        if (errno != EAGAIN)
            return -errno;
        int r = wait_to_send(conn, timeout);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

void conn_end_output(struct conn *conn)
{
    if (!is_shared(conn))
        shutdown(conn->fd, SHUT_WR);
    conn->ended = 1;
}

void conn_linger(struct conn *conn, bool expect, usec_t timeout)
{
    char scratch[16384];
    bool wait = expect;
    usec_t deadline = deadline_after(timeout);

    if (is_shared(conn))
        return;
    conn->lingering = 1;
    release_held(conn);
    while (timeout > 0 && !conn->peer_ended) {
        ssize_t n = recv(conn->fd, scratch, sizeof(scratch), 0);
        if (n > 0) {
            conn->received += (size_t)n;
            wait = true; /* who sends what nobody asked for may send more */
            if (deadline_poll_timeout(deadline) == 0)
                return;
            continue;
        }
        if (n == 0 || errno != EAGAIN || !wait)
            return;
        int r = wait_for(conn, POLLIN, deadline);
        if (r < 0 && r != -EINTR)
            return;
    }
}

/* Disconnecting resets a TCP connection even while others hold its socket, as systemd and a child
 * of the app may; closing it with SO_LINGER would not. A unix socket is reset by its unread byte.
 */
void conn_abort(struct conn *conn)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (!is_shared(conn))
        (void)connect(conn->fd, &nobody, sizeof(nobody));
}

/* ---- being woken ---------------------------------------------------------------------------- */

int conn_enable_cancel(struct conn *conn)
{
    if (conn->wake < 0)
        conn->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return conn->wake < 0 ? -errno : 0;
}

void conn_cancel(struct conn *conn)
{
    eventfd_write(conn->wake, 1);
}

void conn_disable_cancel(struct conn *conn)
{
    if (conn->wake >= 0)
        close(conn->wake);
    conn->wake = -1;
}
