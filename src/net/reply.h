#pragma once

/* The answer to one client: first the head, then the content in the framing that was decided.
 *
 * Nothing is sent before the first content (or the end), so that an app may change its mind about
 * the head until then (PEP 3333). Sending is in two steps, so that a signal does not lose the
 * place: a reply_put_* function says what comes next, reply_flush sends it and is called again
 * after -EINTR.
 */

#include "http/response.h"
#include "net/conn.h"

struct reply {
    struct conn *conn;
    struct response response;
    usec_t write_timeout; /* each wait for the client, microseconds, 0: none */

    char *head; /* status line and fields of the app, on the heap */
    size_t head_size, head_capacity;
    bool own_length; /* the Content-Length is the server's and not among the fields */
    bool head_sent;
    bool complete;    /* the end of the content was sent as well */
    uint64_t content; /* bytes of content put so far */
    int error;        /* errno of a failed flush: final */

    /* what the next flush sends */
    char tail[RESPONSE_TAIL_SIZE]; /* the server's part of the head */
    size_t tail_size;
    char chunk_head[RESPONSE_CHUNK_HEAD_SIZE];
    struct iovec parts[6], *next;
    size_t count;
    int file;
    off_t file_offset;
    uint64_t file_size;
};

/* Prepares the answer to that request. */
void reply_init(
    struct reply *reply, struct conn *conn, const struct request *request, usec_t write_timeout);

/* Frees the head. */
void reply_done(struct reply *reply);

/* Takes "200 OK", dropping what was taken before; only before the head is sent. Returns NULL or
 * what is wrong (static). */
const char *reply_set_status(struct reply *reply, struct slice status);

/* Takes a field. Returns NULL or what is wrong (static). */
const char *reply_add_field(struct reply *reply, struct slice name, struct slice value);

/* Says how long the content will be, if the app did not. Only before the head is sent. Without
 * effect for two statuses without content: a 204 must not carry a length, and that of a 304 is not
 * known (RFC 9110 §8.6). That of a 205 is always 0 (§15.3.6). */
void reply_set_length(struct reply *reply, uint64_t length);

/* How many more bytes of content can be sent: what is left of the Content-Length, UINT64_MAX when
 * there is none, 0 for a status or method without content. */
uint64_t reply_room(const struct reply *reply);

/* Puts content, which has to stay where it is until it is flushed, with the head before it if need
 * be. What goes beyond the Content-Length is not put: *ret_excess is how many bytes that were.
 * Returns 0, or -ECANCELED when somebody else has begun to answer; nothing is put then. */
int reply_put(struct reply *reply, const char *data, size_t size, uint64_t *ret_excess);

/* Puts `size` bytes of a regular file from an offset on, or what of them fits into the
 * Content-Length, which must be known. Returns like reply_put. The descriptor has to stay open
 * until it is flushed. */
int reply_put_file(struct reply *reply, int file, off_t offset, uint64_t size);

/* Puts the end: the head if it was not sent, the last chunk if it is needed. Returns like
 * reply_put, or -ENODATA when the content is shorter than its Content-Length; nothing is put then.
 */
int reply_put_end(struct reply *reply);

/* Whether all the content that the Content-Length announces was put, and the head with it. */
bool reply_is_full(const struct reply *reply);

/* Whether the client got a head, but not all of the content that belongs to it. */
bool reply_is_incomplete(const struct reply *reply);

/* Sends what was put. Returns 0, -EINTR: call again, or a final failure: -ETIMEDOUT, -EPIPE,
 * -ECONNRESET (the client left), -ENODATA (the file ended early) or another -errno. */
int reply_flush(struct reply *reply);
