#pragma once

/* The response to one client: the head, then the content in the chosen framing.
 *
 * Nothing is sent before the first content, or the end, so that an app can replace the head until
 * then (PEP 3333). Sending has two steps, so that a signal does not lose the position: a
 * reply_put_* function sets what to send next, and reply_flush sends it and can be repeated after
 * -EINTR.
 */

#include "http/response.h"
#include "net/conn.h"

struct reply {
    struct conn *conn;
    struct response response;

    char *head; /* status line and fields of the app, on the heap */
    size_t head_size, head_capacity;
    bool own_length; /* the Content-Length is the server's and not among the app's fields */
    bool head_sent;
    bool complete;    /* reply_put_end was called */
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

/* Prepares the response to this request. */
void reply_init(struct reply *reply, struct conn *conn, const struct request *request);

/* Frees the head. */
void reply_done(struct reply *reply);

/* Sets the status, such as "200 OK", and drops an earlier status with its fields. Call it only
 * before the head is sent. Returns NULL, or a static text that says what is wrong. */
const char *reply_set_status(struct reply *reply, struct slice status);

/* Adds a field. Returns NULL, or a static text that says what is wrong. */
const char *reply_add_field(struct reply *reply, struct slice name, struct slice value);

/* Sets the length of the content, unless the app has set it. Call it only before the head is sent.
 * No effect with 204, which must not have a length, and 304, where the length is unknown (RFC 9110
 * §8.6). With 205 the length is always 0 (§15.3.6). */
void reply_set_length(struct reply *reply, uint64_t length);

/* How many more bytes of content can be sent: the rest of the Content-Length, UINT64_MAX when there
 * is none, 0 if the status or the method excludes content. */
uint64_t reply_room(const struct reply *reply);

/* Puts content, preceded by the head if that was not sent. The bytes are borrowed until the flush.
 * Content beyond the Content-Length is dropped; *ret_excess is its size. Returns 0, or -ECANCELED
 * when another answer has begun; then nothing is put. */
int reply_put(struct reply *reply, const char *data, size_t size, uint64_t *ret_excess);

/* Puts `size` bytes of a regular file from an offset, as far as they fit into the Content-Length,
 * which must be known. Returns the same as reply_put. The caller keeps the descriptor open until
 * the flush. */
int reply_put_file(struct reply *reply, int file, off_t offset, uint64_t size);

/* Puts the end: the head if it was not sent, and the last chunk if the framing needs it. Returns
 * the same as reply_put, or -ENODATA when the content is shorter than its Content-Length; then
 * nothing is put. */
int reply_put_end(struct reply *reply);

/* Whether the head and as much content as the Content-Length announces were put. */
bool reply_is_full(const struct reply *reply);

/* Whether the head was put, but not all of its content. */
bool reply_is_incomplete(const struct reply *reply);

/* Sends what was put. Returns 0, or -EINTR: call it again, or a final failure: -ETIMEDOUT, -EPIPE,
 * -ECONNRESET (the client has closed the connection), -ENODATA (the file is shorter) or another
 * -errno. */
int reply_flush(struct reply *reply);
