#pragma once

/* One client: the connected socket, the bytes that arrived and were not used yet, its end.
 *
 * The buffer holds the request head for as long as the connection lives, so that the slices of the
 * request stay valid; content passes through the room behind it. No function logs; a waiting one
 * returns -EINTR when a signal came, and can simply be called again.
 */

#include "base/deadline.h"
#include "http/request.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn {
    int fd;
    char *buffer;
    size_t capacity;
    size_t base;  /* bytes at the beginning that stay: the request head */
    size_t start; /* the first byte that was not used, base <= start <= end */
    size_t end;   /* behind the last byte received */
    volatile sig_atomic_t peer_ended;
    pid_t owner;     /* who serves it; in a child that the app forks nothing is read or sent */
    bool holds_back; /* see conn.c */
    bool held;
    /* The first byte of a final response may be on its way; read by a signal handler. */
    volatile sig_atomic_t answered;
    volatile unsigned status;        /* of that response */
    volatile sig_atomic_t lingering; /* in conn_linger, which returns once peer_ended is set */
    /* The last byte of the response was sent, and the client told so. */
    volatile sig_atomic_t ended;
    /* Bytes that went over the wire, heads and framing included; of those sent, `interim` were
     * before the final response. */
    uint64_t received, sent, interim;
    usec_t send_deadline; /* of the wait under way for the client to take something; 0: there is
                             none */
    int wake;             /* an eventfd that interrupts waiting, or -1 */
};

/* Takes over the connected socket fd (also on failure) and makes room for `capacity` bytes: the
 * largest head, and some content behind it. Returns 0 or -errno. */
int conn_init(struct conn *conn, int fd, size_t capacity);

/* Closes the socket, at once; the buffer stays. Fine when that was done. */
void conn_close(struct conn *conn);

/* Closes the socket and frees the buffer; fine after a failed conn_init, and twice. */
void conn_done(struct conn *conn);

/* From now on each process that is forked closes the socket before it goes on (exec closes it
 * anyway). Otherwise the client of a process that is killed, and so cannot end the connection
 * itself, would see the end only when the last of those had ended. A process can keep one
 * connection like this, until conn_done; of several it is the last one. Returns 0 or -errno. */
int conn_close_on_fork(struct conn *conn);

/* Takes the first bytes out of the buffer, before a head was read: they came before it, and their
 * room is free again. */
void conn_discard(struct conn *conn, size_t size);

/* Reads the head of the request. Returns 0, the status to refuse it with (see request_parse; 408
 * when the deadline passed midway), or -errno: -ENODATA when the client left or the deadline passed
 * before a single byte, -ECONNRESET when the client left midway or the connection failed. Goes on
 * after signals. */
int conn_read_request(struct conn *conn, const struct request_limits *limits, usec_t deadline,
    struct request *request);

/* Claims the right to answer, with this status. It is given once: the app's threads and a signal
 * handler may want it at the same time. Returns whether the caller has it now. */
bool conn_claim_response(struct conn *conn, unsigned status);

/* Whether something of the final response has left for the client. */
bool conn_has_sent_response(const struct conn *conn);

/* The bytes received and not used. Borrowed until the next conn_fill. */
struct slice conn_pending(const struct conn *conn);

/* Marks pending bytes as used. */
void conn_consume(struct conn *conn, size_t size);

/* Waits for bytes and appends them to the pending ones. Returns 0 when at least one arrived,
 * -ENODATA when the client will send no more, -ETIMEDOUT, -EINTR, -ECANCELED, -ENOBUFS or another
 * -errno. */
int conn_fill(struct conn *conn, usec_t deadline);

/* Sends all parts. They are used up as they go, so that after -EINTR the same call goes on where it
 * stopped. The timeout (microseconds, 0: none) begins anew with each byte that the client takes.
 * Returns 0, -ETIMEDOUT, -EINTR, -ECANCELED or another -errno (-EPIPE, -ECONNRESET: the client
 * left). */
int conn_send(struct conn *conn, struct iovec **parts, size_t *count, usec_t timeout);

/* Sends an interim response, before anything else was sent. Does not wait: it fits. */
void conn_send_interim(struct conn *conn, struct slice response);

/* Sends *size bytes of a regular file from *offset on, without copying them; both advance. Returns
 * like conn_send, and -ENODATA when the file ended early. */
int conn_send_file(struct conn *conn, int file, off_t *offset, uint64_t *size, usec_t timeout);

/* Tells the client that the answer is complete. Reading goes on. */
void conn_end_output(struct conn *conn);

/* Takes in what a client is still sending until it stops or the timeout (microseconds, 0: not at
 * all) passes: closing before would reset the connection, and the client could lose the answer (RFC
 * 9112 §9.6). Only when there is something to expect: `expect` says so, or bytes wait already. Safe
 * in a signal handler. */
void conn_linger(struct conn *conn, bool expect, usec_t timeout);

/* Makes the end of the connection an error for the client, for an answer that is not complete and
 * whose framing cannot show it. To be followed by conn_done. Over TCP it shows at once. Over a unix
 * socket it shows when all holders of the socket have closed it (systemd keeps that of an
 * Accept=yes service until the process has ended), and not at all when the last byte that the
 * client has sent had to be taken, which is so after waiting for more in vain. Safe in a signal
 * handler. */
void conn_abort(struct conn *conn);

/* Lets conn_cancel interrupt this connection's waiting, in another thread, from now on. Returns 0
 * or -errno. */
int conn_enable_cancel(struct conn *conn);

/* Makes conn_fill and conn_send return -ECANCELED instead of waiting, until conn_disable_cancel. */
void conn_cancel(struct conn *conn);

/* Ends the effect of conn_enable_cancel and conn_cancel. */
void conn_disable_cancel(struct conn *conn);
