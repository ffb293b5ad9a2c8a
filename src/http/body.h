#pragma once

/* Decodes the content of a request from its framing: Content-Length or chunked (RFC 9112 §6-§7).
 *
 * A pure decoder: it takes the bytes as they arrive, in pieces of any size, and returns the content
 * in them without copying. It never reads past the end of the content.
 */

#include "http/request.h"

struct body_limits {
    uint64_t content; /* bytes of content; more is answered with 413 */
    size_t overhead;  /* bytes of all chunk extensions, of leading zeros of chunk sizes, and of the
                       * trailer section with its empty line; more is answered with 431 */
};

enum body_state {
    BODY_DONE,
    BODY_LENGTH, /* `remaining` bytes, then DONE */
    BODY_SIZE_FIRST,
    BODY_SIZE,
    BODY_EXTENSION_BLANK, /* BWS before ";" */
    BODY_EXTENSION_NAME_FIRST,
    BODY_EXTENSION_NAME,
    BODY_EXTENSION_NAME_BLANK, /* BWS before "=" or ";" */
    BODY_EXTENSION_VALUE_FIRST,
    BODY_EXTENSION_TOKEN,
    BODY_EXTENSION_QUOTED,
    BODY_EXTENSION_ESCAPE,
    BODY_EXTENSION_QUOTED_END,
    BODY_SIZE_LF,
    BODY_DATA,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILER_FIRST, /* the first byte of a trailer line or of the empty line */
    BODY_TRAILER_NAME,
    BODY_TRAILER_VALUE,
    BODY_TRAILER_LF,
    BODY_LAST_LF,
};

struct body {
    enum body_state state;
    uint64_t remaining; /* bytes of content (LENGTH) or of the chunk (SIZE, DATA) */
    uint64_t content;   /* sum of the chunk sizes so far */
    size_t overhead;
    struct body_limits limits;
    const char *problem; /* why the content is invalid: a static text for the log and the client */
};

/* Prepares to decode the content announced by a parsed request, which may have none. */
void body_init(struct body *body, const struct request *request, const struct body_limits *limits);

/* Whether the content is complete, including the last chunk and the trailer section. */
bool body_is_done(const struct body *body);

/* Decodes data[0..size) up to and including the next run of content.
 *
 * Returns 0 with *ret_used, the number of bytes consumed, and *ret_content, the content at their
 * end (borrowed; empty when the bytes were only framing). All bytes are consumed unless content was
 * found or the body is done. Otherwise returns the status to answer with: 400, 413 or 431, and
 * body->problem says why; the body must not be used any more. */
int body_decode(
    struct body *body, const char *data, size_t size, size_t *ret_used, struct slice *ret_content);
