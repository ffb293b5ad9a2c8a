#pragma once

/* The head and the framing of a response (RFC 9110 §15, RFC 9112 §4, §6-§7).
 *
 * Pure: it validates the app's status and fields, chooses the framing, and writes the field lines
 * that the server adds. Every response is the last one on its connection.
 */

#include "http/request.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How the client determines the end of the content (RFC 9112 §6.3). */
enum response_framing {
    RESPONSE_NO_CONTENT, /* HEAD, 204, 205, 304: the app's content is dropped */
    RESPONSE_LENGTH,     /* Content-Length */
    RESPONSE_CHUNKED,    /* unknown length, to HTTP/1.1 */
    RESPONSE_CLOSE,      /* unknown length, to HTTP/1.0: the end of the connection */
};

struct response {
    /* from the request */
    bool is_head;   /* the method is HEAD */
    bool to_http10; /* the client does not support the chunked coding */
    /* from the app, set by response_set_status and response_add_field */
    unsigned status; /* 200-999 */
    bool has_content_length;
    uint64_t content_length;
    bool has_date, has_server;
    /* set by response_decide_framing */
    enum response_framing framing;
};

enum {
    RESPONSE_TAIL_SIZE = 256,      /* enough for response_write_tail */
    RESPONSE_CHUNK_HEAD_SIZE = 20, /* enough for response_write_chunk_head */
    RESPONSE_PLAIN_SIZE = 1024,    /* enough for response_write_plain */
};

/* The last chunk with an empty trailer section (RFC 9112 §7.1). */
#define RESPONSE_LAST_CHUNK "0\r\n\r\n"

/* Begins a response to this request, without a status. */
void response_init(struct response *response, const struct request *request);

/* Sets the status, such as "200 OK": three digits, a space and a reason phrase, which may be empty.
 * A 1xx status is refused, because it is not final. Resets what earlier fields have set. Returns
 * NULL, or a static text that says what is wrong. */
const char *response_set_status(struct response *response, struct slice status);

/* Checks a field of the app and records what it sets. Refuses invalid names, control characters in
 * the value (PEP 3333), hop-by-hop fields, which belong to the server (PEP 3333, RFC 9110 §7.6.1),
 * and a malformed or second Content-Length. Returns NULL, or a static text that says what is wrong.
 * *ret_drop: the field is a Content-Length, which this status must not have (RFC 9110 §8.6). */
const char *response_add_field(
    struct response *response, struct slice name, struct slice value, bool *ret_drop);

/* Sets the length of the content, for an app that has set no Content-Length. */
void response_set_content_length(struct response *response, uint64_t content_length);

/* Whether this status and method allow content (RFC 9110 §6.4.1). */
bool response_allows_content(const struct response *response);

/* Sets response->framing. Call it when status and fields are final. */
void response_decide_framing(struct response *response);

/* Writes the rest of the head after the app's fields: the server's fields and the empty line.
 * own_length: write the Content-Length, which is not among the app's fields. Returns the number of
 * bytes written. */
size_t response_write_tail(
    const struct response *response, bool own_length, time_t now, char buffer[RESPONSE_TAIL_SIZE]);

/* Writes the chunk-size line of a chunk; size is above 0. Returns the number of bytes written. */
size_t response_write_chunk_head(uint64_t size, char buffer[RESPONSE_CHUNK_HEAD_SIZE]);

/* Writes a whole response of the server itself. Its content, omitted when is_head is set, is plain
 * text: the status, its reason phrase, and the detail, which may be NULL and is truncated if it is
 * long. Async-signal-safe. Returns the number of bytes written. */
size_t response_write_plain(unsigned status, const char *detail, bool is_head, time_t now,
    char buffer[RESPONSE_PLAIN_SIZE]);
