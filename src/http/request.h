#pragma once

/* The head of a request: request line and field section (RFC 9112 §2-§3, §5-§6).
 *
 * A pure parser: bytes in, slices out. It is strict wherever two parsers could disagree on the end
 * of a message or on its recipient (request smuggling): a request that does not match the RFC to
 * the letter never reaches the app. There is one exception: a target may contain any visible
 * character except "#", because browsers send some that RFC 3986 requires to be encoded, and no
 * framing depends on them.
 *
 * It can be called repeatedly while bytes arrive and reads each byte once. It refuses an invalid
 * line at its end, and a control character or an exceeded limit at once.
 */

#include "base/slice.h"
#include "http/target.h"

#include <stdbool.h>
#include <stdint.h>

/* The size of the longest method accepted, nearly twice that of the longest registered one
 * (UPDATEREDIRECTREF, RFC 9110 §16.1.1); a longer one is answered with 501 (RFC 9112 §3). */
enum { REQUEST_METHOD_MAX = 32 };

struct request_limits {
    size_t line;      /* bytes of the request line without its CRLF; more: 414 */
    size_t section;   /* bytes of the field lines and the empty line with their CRLFs; more: 431 */
    size_t fields;    /* number of field lines; more: 431 */
    uint64_t content; /* Content-Length; more: 413 */
};

/* All slices borrow from the data passed to request_parse. Zero it before the first call. */
struct request {
    struct slice method;
    struct slice target; /* as received */
    unsigned minor;      /* of the HTTP version 1.minor; treat more than 1 as 1 */
    enum request_form form;
    struct slice scheme; /* of an absolute-form target, in upper or lower case; otherwise absent */
    struct slice host;   /* with port: the target's authority, or else the value of Host */
    struct slice
        path; /* percent-encoded, begins with "/"; absent in authority-form and asterisk-form */
    struct slice query;  /* after the "?"; absent when there is no "?" */
    struct slice fields; /* the whole field section, for request_next_field */

    bool chunked; /* the content has the chunked transfer coding */
    bool has_content_length;
    uint64_t content_length;
    bool expects_continue; /* "Expect: 100-continue" in HTTP/1.1 and with content */

    const char *problem; /* why it is refused: a static text for the log and the client */

    struct {
        size_t line;     /* offset of the current line */
        size_t scanned;  /* bytes already read */
        size_t section;  /* offset of the field section; 0 before its beginning */
        size_t fields;   /* field lines so far */
        bool empty_line; /* an empty line before the request line was skipped */
        bool has_host, has_content_type, has_authorization;
        bool length_overflows; /* the Content-Length has more than 64 bits */
        bool has_transfer_encoding;
        bool final_chunked;   /* the last transfer coding so far is "chunked" without parameters */
        bool other_coding;    /* there was another coding */
        bool repeated_coding; /* chunked was followed by another coding */
        bool expects;         /* Expect has 100-continue */
    } parser;
};

struct request_field {
    struct slice name, value; /* the value without surrounding white space */
};

/* Parses data[0..size), the bytes of the connection from its beginning.
 *
 * Call it with the same request, the same address and a growing size until it returns something
 * other than -EAGAIN. Returns 0 when the head is complete (*ret_size: its size with the empty line;
 * content follows it); -EAGAIN when more bytes are needed; otherwise the status to answer with:
 * 400, 413, 414, 417, 431, 501 or 505, and request->problem says why. The slices parsed before a
 * refusal stay valid (method and target for the log). */
int request_parse(struct request *request, const char *data, size_t size,
    const struct request_limits *limits, size_t *ret_size);

/* Iterates over the field lines of a parsed request, in the order received. Start with *cursor 0.
 * Returns whether there was another one, which borrows from the request. */
bool request_next_field(const struct request *request, size_t *cursor, struct request_field *ret);

/* The value of the only field line with this name; absent when there is none, when there are
 * several, and when the request was refused. Borrows. */
struct slice request_find_field(const struct request *request, struct slice name);

/* Whether the request has content: chunked, or a Content-Length above 0. */
bool request_has_content(const struct request *request);
