#pragma once

/* The content of the current request, read from the client as the app asks for it.
 *
 * Uses constant memory: pieces are returned in place, in the connection's buffer. A failure is
 * final: every later call returns it.
 */

#include "http/body.h"
#include "net/conn.h"

struct content {
    struct conn *conn;
    struct body body;
    struct slice piece;   /* decoded and not taken yet */
    bool awaits_continue; /* the client waits for 100 (Continue) */
    usec_t deadline;      /* of the current wait, which may span signals; 0: not waiting */

    /* The failure, if any: an errno for the app, the status to answer with if the app does not
     * handle it (0 when the client has closed the connection), and a static text. */
    int error;
    int status;
    const char *problem;
};

/* Prepares for the content of the request read from conn. */
void content_init(struct content *content, struct conn *conn, const struct request *request,
    const struct body_limits *limits);

/* Sends 100 (Continue) if the client waits for it and no final response was begun. Call it before
 * the app's first read, under the lock that also protects the final response, so that the two do
 * not mix. Does not wait. */
void content_send_continue(struct content *content);

/* Looks at the next piece of content, and waits for it if necessary.
 *
 * Returns 0 with *ret_piece, which is empty only at the end of the content, and is borrowed until
 * the next call. Returns -EINTR after a signal: call it again. Otherwise returns a final failure:
 * -ECONNRESET (the client has closed the connection), -ETIMEDOUT (408), -EBADMSG (400, bad
 * framing), -EFBIG (413, 431), or another -errno. */
int content_peek(struct content *content, struct slice *ret_piece);

/* Takes the first bytes of the piece returned by content_peek. */
void content_take(struct content *content, size_t size);

/* Whether all of the content has arrived, so that the client has nothing more to send. Discards
 * what has arrived: call it only at the end of the request. */
bool content_is_received(struct content *content);
