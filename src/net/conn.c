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

/* The unread byte: over TCP, conn_abort sends a reset. A unix socket has no reset, but its peer
 * gets ECONNRESET when the socket is closed with bytes unread. unix(7) does not document this; see
 * unix_release_sock in Linux net/unix/af_unix.c. So while an HTTP/1.0 response that ends with the
 * connection is possible, the last byte received is only peeked at: the caller gets it, but it
 * stays in the socket's queue until the next wait or an orderly end. */

/* The handler of pthread_atfork(3) has no parameter. */
static struct {
    struct conn *conn;  /* or NULL */
    bool is_registered; /* the handler cannot be removed again */
} closed_on_fork;

static int socket_family(int fd)
{
    int family = AF_UNSPEC;
    socklen_t size = sizeof(family);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
        return AF_UNSPEC;
    return family;
}

int conn_init_without_socket(struct conn *conn, size_t capacity)
{
    *conn = (struct conn){
        .fd = -1,
        .buffer = malloc(capacity),
        .capacity = capacity,
        .owner = getpid(),
        .cancel_event = -1,
    };
    return conn->buffer ? 0 : -ENOMEM;
}

int conn_init(struct conn *conn, int fd, size_t capacity, const struct conn_timeouts *timeouts)
{
    int family = socket_family(fd), on = 1;
    int r = conn_init_without_socket(conn, capacity);

    conn->fd = fd;
    conn->timeouts = *timeouts;
    conn->keeps_byte_unread = family == AF_UNIX;
    if (r < 0)
        return r;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    /* Send immediately what the app yields. This fails if the client has closed the connection;
     * the first read reports that. */
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return 0;
}

void conn_close(struct conn *conn)
{
    int fd = take_fd(&conn->fd); /* first: another thread may fork at any moment */

    if (fd >= 0)
        close(fd);
    conn_disable_cancel(conn);
}

static void close_in_child(void)
{
    if (closed_on_fork.conn)
        conn_close(closed_on_fork.conn);
}

int conn_close_on_fork(struct conn *conn)
{
    int error = closed_on_fork.is_registered ? 0 : pthread_atfork(NULL, NULL, close_in_child);

    closed_on_fork.is_registered = error == 0;
    closed_on_fork.conn = conn;
    return -error;
}

void conn_done(struct conn *conn)
{
    conn_close(conn);
    if (closed_on_fork.conn == conn)
        closed_on_fork.conn = NULL;
    free(conn->buffer);
    *conn = (struct conn){.fd = -1, .cancel_event = -1};
}

bool conn_claim_response(struct conn *conn, unsigned status)
{
    if (__atomic_exchange_n(&conn->claimed, 1, __ATOMIC_SEQ_CST))
        return false;
    conn->status = status;
    return true;
}

bool conn_has_sent_response(const struct conn *conn)
{
    return conn->claimed && conn->sent > conn->interim;
}

/* Whether this process is a child that the app has created: the connection belongs to its parent.
 * After fork(2) the socket is closed in the child; after clone(2) it is still open. */
static bool is_in_child(const struct conn *conn)
{
    return getpid() != conn->owner;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void read_unread_byte(struct conn *conn)
{
    char byte;

    if (conn->has_unread_byte && recv(conn->fd, &byte, 1, 0) == 1)
        conn->has_unread_byte = false;
}

/* The same as recv(2), except that the last byte stays in the socket's queue. */
static ssize_t receive_all_but_one(struct conn *conn, char *data, size_t size)
{
    ssize_t peeked = recv(conn->fd, data, size, MSG_PEEK);

    for (ssize_t taken = 0; taken < peeked - 1;) {
        ssize_t n = recv(conn->fd, data + taken, (size_t)(peeked - 1 - taken), 0);
        if (n <= 0)
            return n;
        taken += n;
    }
    conn->has_unread_byte = peeked > 0;
    return peeked;
}

static int wait_for(struct conn *conn, short events, usec_t deadline)
{
    struct pollfd poll_fds[] = {
        {.fd = conn->fd, .events = events},
        {.fd = conn->cancel_event, .events = POLLIN}, /* -1 is ignored */
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
    if (is_in_child(conn))
        return -EPERM;

    read_unread_byte(conn);
    for (;;) {
        char *room = conn->buffer + conn->end;
        size_t size = conn->capacity - conn->end;
        ssize_t n = conn->keeps_byte_unread ? receive_all_but_one(conn, room, size)
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

/* The result of conn_read_head when conn_fill failed. */
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

int conn_read_head(struct conn *conn, const struct request_limits *limits, usec_t deadline,
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
    if (request->minor >= 1) { /* the framing shows when a response is incomplete */
        read_unread_byte(conn);
        conn->keeps_byte_unread = false;
    }
    return 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Waits until the client accepts more bytes. The deadline stays the same after a signal, until a
 * byte is sent. */
static int wait_to_send(struct conn *conn)
{
    if (conn->send_deadline == 0)
        conn->send_deadline = deadline_after(conn->timeouts.write);
    return wait_for(conn, POLLOUT, conn->send_deadline);
}

static void remove_sent(struct iovec **parts, size_t *count, size_t sent)
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

int conn_send(struct conn *conn, struct iovec **parts, size_t *count)
{
    if (is_in_child(conn))
        return -EPERM;
    for (;;) {
        remove_sent(parts, count, 0); /* skips empty parts */
        if (*count == 0)
            return 0;
        struct msghdr message = {.msg_iov = *parts, .msg_iovlen = *count};
        ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            conn->send_deadline = 0;
            conn->sent += (size_t)n;
            remove_sent(parts, count, (size_t)n);
            continue;
        }
        if (errno != EAGAIN)
            return -errno;
        int r = wait_to_send(conn);
        if (r < 0)
            return r;
    }
}

void conn_send_interim(struct conn *conn, struct slice response)
{
    ssize_t n = send(conn->fd, response.data, response.size, MSG_NOSIGNAL);

    /* If the client has closed the connection, the next read reports it. */
    if (n > 0)
        conn->sent = conn->interim = (uint64_t)n;
}

int conn_send_file(struct conn *conn, int file, off_t *offset, uint64_t *size)
{
    while (*size > 0) {
        if (is_in_child(conn))
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
        int r = wait_to_send(conn);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

void conn_end_output(struct conn *conn)
{
    if (!is_in_child(conn))
        shutdown(conn->fd, SHUT_WR);
    conn->ended = 1;
}

void conn_linger(struct conn *conn, bool expect)
{
    char scratch[16384];
    bool wait = expect;
    usec_t deadline = deadline_after(conn->timeouts.linger);

    if (is_in_child(conn))
        return;
    conn->lingering = 1;
    read_unread_byte(conn);
    while (conn->timeouts.linger > 0 && !conn->peer_ended) {
        ssize_t n = recv(conn->fd, scratch, sizeof(scratch), 0);
        if (n > 0) {
            conn->received += (size_t)n;
            wait = true; /* a client that sends unexpected bytes may send more */
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

/* Disconnecting resets a TCP connection even while other processes hold its socket, as systemd and
 * a child of the app may; closing it with SO_LINGER would not. On a unix socket, the unread byte
 * has this effect. */
void conn_abort(struct conn *conn)
{
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

    if (!is_in_child(conn))
        (void)connect(conn->fd, &unspecified, sizeof(unspecified));
}

/* ---- canceling ------------------------------------------------------------------------------ */

int conn_enable_cancel(struct conn *conn)
{
    if (conn->cancel_event < 0)
        conn->cancel_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return conn->cancel_event < 0 ? -errno : 0;
}

void conn_cancel(struct conn *conn)
{
    eventfd_write(conn->cancel_event, 1);
}

void conn_disable_cancel(struct conn *conn)
{
    if (conn->cancel_event >= 0)
        close(conn->cancel_event);
    conn->cancel_event = -1;
}
