#pragma once

/* One client connection: the connected socket, the bytes received from it, and how it ends.
 *
 * The buffer holds the request head for the lifetime of the connection, so that the slices of the
 * request stay valid. Content passes through the space after the head. Nothing here logs. A call
 * that waits returns -EINTR when a signal arrives; the caller can repeat it.
 */

#include "base/deadline.h"
#include "http/request.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* In microseconds; 0: none. */
struct conn_timeouts {
    usec_t read;   /* of each wait for content */
    usec_t write;  /* of each wait until the client accepts more bytes */
    usec_t linger; /* of conn_linger; 0: do not linger */
};

struct conn {
    int fd;
    struct conn_timeouts timeouts;
    char *buffer;
    size_t capacity;
    size_t base;  /* bytes of the request head, which stay at the beginning of the buffer */
    size_t start; /* the first byte not consumed yet, base <= start <= end */
    size_t end;   /* one past the last byte received */
    volatile sig_atomic_t peer_ended; /* the client sends no more, or nothing more is read */
    pid_t owner;            /* the serving process; a process that the app forks does no I/O here */
    bool keeps_byte_unread; /* see conn.c */
    bool has_unread_byte;
    /* Some thread, or a signal handler, has claimed the final response: part of it may have been
     * sent. */
    volatile sig_atomic_t claimed;
    volatile unsigned status;        /* of that response */
    volatile sig_atomic_t lingering; /* in conn_linger, which returns once peer_ended is set */
    volatile sig_atomic_t ended;     /* the response is complete: conn_end_output was called */
    /* Bytes on the wire, including heads and framing. `interim` counts the sent bytes of interim
     * responses. */
    uint64_t received, sent, interim;
    usec_t send_deadline; /* of the current wait to send; 0: not waiting */
    int cancel_event;     /* the eventfd of conn_cancel, or -1 */
};

/* Takes ownership of the connected socket fd, also on failure, and allocates `capacity` bytes for
 * the largest head and a piece of content after it. Returns 0 or -errno. */
int conn_init(struct conn *conn, int fd, size_t capacity, const struct conn_timeouts *timeouts);

/* A connection that has a buffer but no socket, for a request that is prepared but not served. All
 * functions that read or send fail. Returns 0 or -ENOMEM. */
int conn_init_without_socket(struct conn *conn, size_t capacity);

/* Closes the socket immediately and keeps the buffer. Can be called more than once. */
void conn_close(struct conn *conn);

/* Closes the socket and frees the buffer. Can be called after a failed conn_init, and twice. */
void conn_done(struct conn *conn);

/* Makes each process forked from now on close the socket before fork(2) returns in it; exec closes
 * it anyway. Otherwise, when this process is killed and cannot shut the connection down, the client
 * would see its end only after the last such process has exited. Applies to one connection of a
 * process, the last one passed, until conn_done. Returns 0 or -errno. */
int conn_close_on_fork(struct conn *conn);

/* Removes the first bytes of the buffer, which precede the request head, and frees their space.
 * Call it only before the head is read. */
void conn_discard(struct conn *conn, size_t size);

/* Reads the request head. Returns 0, or the status to refuse it with (see request_parse; 408 when
 * the deadline passed after the first byte), or -errno: -ENODATA when the client closed the
 * connection or the deadline passed before the first byte, -ECONNRESET when the client closed it
 * within the head or the connection failed. Continues after signals. */
int conn_read_head(struct conn *conn, const struct request_limits *limits, usec_t deadline,
    struct request *request);

/* Claims the right to send the final response, with this status. Only the first claim succeeds:
 * threads of the app and a signal handler may compete for it. Returns whether it succeeded. */
bool conn_claim_response(struct conn *conn, unsigned status);

/* Whether at least one byte of the final response was sent. */
bool conn_has_sent_response(const struct conn *conn);

/* The bytes received and not consumed. Borrowed until the next conn_fill. */
struct slice conn_pending(const struct conn *conn);

/* Marks the first pending bytes as consumed. */
void conn_consume(struct conn *conn, size_t size);

/* Waits for bytes and appends them to the pending ones. Returns 0 when at least one arrived,
 * -ENODATA when the client sends no more, -ETIMEDOUT, -EINTR, -ECANCELED, -ENOBUFS when the buffer
 * is full, or another -errno. */
int conn_fill(struct conn *conn, usec_t deadline);

/* Sends all parts, and removes what was sent from *parts and *count: after -EINTR the same call
 * continues. timeouts.write starts again each time the client accepts a byte. Returns 0,
 * -ETIMEDOUT, -EINTR, -ECANCELED or another -errno (-EPIPE, -ECONNRESET: the client has closed the
 * connection). */
int conn_send(struct conn *conn, struct iovec **parts, size_t *count);

/* Sends an interim response, before anything else was sent. Does not wait: the empty send buffer
 * has room for it. */
void conn_send_interim(struct conn *conn, struct slice response);

/* Sends *size bytes of a regular file from *offset, without copying them, and updates both.
 * Returns the same as conn_send, and -ENODATA when the file is shorter. */
int conn_send_file(struct conn *conn, int file, off_t *offset, uint64_t *size);

/* Shuts down the sending side: the client learns that the response is complete. Reading still
 * works. */
void conn_end_output(struct conn *conn);

/* Reads and discards what the client is still sending, until it stops or timeouts.linger passes.
 * Closing the socket earlier would reset the connection, and the client could lose the response
 * (RFC 9112 §9.6). Waits only if input is expected: `expect` is set, or bytes have arrived.
 * Async-signal-safe. */
void conn_linger(struct conn *conn, bool expect);

/* Makes the end of the connection an error for the client: for a response that is incomplete and
 * whose framing cannot show it. Call conn_done afterwards. Over TCP, the client sees the error at
 * once. Over a unix socket, it sees the error when every holder of the socket has closed it
 * (systemd keeps the socket of an Accept=yes service open until the process has exited); it sees
 * none if no byte from it is left unread: conn_fill, when it waits, reads the last one (see
 * conn.c). Async-signal-safe. */
void conn_abort(struct conn *conn);

/* Allows another thread to interrupt waits on this connection with conn_cancel. Returns 0 or
 * -errno. */
int conn_enable_cancel(struct conn *conn);

/* Makes conn_fill and conn_send return -ECANCELED instead of waiting, until conn_disable_cancel. */
void conn_cancel(struct conn *conn);

/* Undoes conn_enable_cancel and conn_cancel. */
void conn_disable_cancel(struct conn *conn);
