#pragma once

/* The head and the framing of a response (RFC 9110 §15, RFC 9112 §4, §6-§7).
 *
 * Pure: it judges what the app gave, decides how the end of the content is marked, and writes the
 * lines that the server adds. Every answer is the last on its connection.
 */

#include "http/request.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How the client finds the end of the content (RFC 9112 §6.3). */
enum response_framing {
    RESPONSE_NO_CONTENT, /* HEAD, 204, 205, 304: what the app yields is dropped */
    RESPONSE_LENGTH,     /* Content-Length */
    RESPONSE_CHUNKED,    /* unknown length, to HTTP/1.1 */
    RESPONSE_CLOSE,      /* unknown length, to HTTP/1.0: ends with the connection */
};

struct response {
    /* of the request */
    bool is_head;   /* the method is HEAD */
    bool to_http10; /* the client does not know the chunked coding */
    /* of the app: response_set_status and response_add_field */
    unsigned status; /* 200-999 */
    bool has_content_length;
    uint64_t content_length;
    bool has_date, has_server;
    /* response_decide_framing */
    enum response_framing framing;
};

enum {
    RESPONSE_TAIL_SIZE = 256,      /* enough for response_write_tail */
    RESPONSE_CHUNK_HEAD_SIZE = 20, /* enough for response_write_chunk_head */
    RESPONSE_PLAIN_SIZE = 1024,    /* enough for response_write_plain */
};

/* The last chunk with an empty trailer section (RFC 9112 §7.1). */
#define RESPONSE_LAST_CHUNK "0\r\n\r\n"

/* A response to that request; nothing of the app is known yet. */
void response_init(struct response *response, const struct request *request);

/* Takes "200 OK": three digits, a space and a reason phrase, which may be empty. A 1xx status is
 * not final and no app can send it. Begins anew: what former fields said is forgotten. Returns
 * NULL, or what is wrong with it (static). */
const char *response_set_status(struct response *response, struct slice status);

/* Takes a field of the app. Refused are bad names, control characters in the value (PEP 3333), the
 * hop-by-hop fields, which belong to the server (PEP 3333, RFC 9110 §7.6.1), and a malformed or
 * second Content-Length. Returns NULL, or what is wrong with it (static). *ret_drop is true for a
 * Content-Length that this status must not carry (RFC 9110 §8.6). */
const char *response_add_field(
    struct response *response, struct slice name, struct slice value, bool *ret_drop);

/* The length of the content is known after all; for an app that gave no Content-Length. */
void response_set_content_length(struct response *response, uint64_t content_length);

/* Whether this status and method have content at all (RFC 9110 §6.4.1). */
bool response_allows_content(const struct response *response);

/* Decides response->framing, once status and fields are final. */
void response_decide_framing(struct response *response);

/* Writes what follows the app's fields in the head: the fields of the server and the empty line.
 * own_length: the app's fields do not hold the Content-Length, write it. Returns the bytes written.
 */
size_t response_write_tail(
    const struct response *response, bool own_length, time_t now, char buffer[RESPONSE_TAIL_SIZE]);

/* Writes the chunk-size line of a chunk; size is above 0. Returns the bytes written. */
size_t response_write_chunk_head(uint64_t size, char buffer[RESPONSE_CHUNK_HEAD_SIZE]);

/* Writes a whole answer of the server itself: the status with its reason phrase and, as plain text,
 * the same with the detail (may be NULL). Without the text when is_head is set. Safe in a signal
 * handler. Returns the bytes written. */
size_t response_write_plain(unsigned status, const char *detail, bool is_head, time_t now,
    char buffer[RESPONSE_PLAIN_SIZE]);
