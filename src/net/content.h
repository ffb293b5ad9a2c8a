#pragma once

/* The content of the request under way, pulled from the client as the app asks for it.
 *
 * Constant memory: pieces are handed out where they lie in the connection's buffer. A failure is
 * final, and stays.
 */

#include "http/body.h"
#include "net/conn.h"

struct content {
    struct conn *conn;
    struct body body;
    struct slice piece;  /* decoded and not taken yet */
    bool must_continue;  /* the client waits for 100 (Continue) */
    usec_t read_timeout; /* each wait for the client, microseconds, 0: none */
    usec_t deadline;     /* of the wait under way, which a signal does not end; 0: there is none */

    /* The failure, if any: an errno for the app, the status to answer if the app gives up on it
     * (0 when the client has left), and a static text. */
    int error;
    int status;
    const char *problem;
};

/* Prepares for the content of the request that was read from conn. */
void content_init(struct content *content, struct conn *conn, const struct request *request,
    const struct body_limits *limits, usec_t read_timeout);

/* Sends 100 (Continue) if the client waits for it and nothing of a final answer was put. To be
 * called before the app's first read, under the lock that covers putting an answer, so that the one
 * does not get into the other. Does not wait. */
void content_send_continue(struct content *content);

/* Looks at the next piece of content, waiting for it if need be.
 *
 * Returns 0 with *ret_piece: never empty, but at the end of the content. It is borrowed until the
 * next call. Returns -EINTR when a signal came: call again. Else a final failure: -ECONNRESET (the
 * client left), -ETIMEDOUT (408), -EBADMSG (400: bad framing), -EFBIG (413, 431), or another
 * -errno. */
int content_peek(struct content *content, struct slice *ret_piece);

/* Takes the first bytes of the piece that was peeked at. */
void content_take(struct content *content, size_t size);

/* Whether all of it arrived, so that the client has nothing more to send. Drops what has arrived;
 * for the end of the request. */
bool content_is_received(struct content *content);
