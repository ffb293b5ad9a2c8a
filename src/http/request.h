#pragma once

/* The head of a request: request line and field section (RFC 9112 §2-§3, §5-§6).
 *
 * A pure parser: bytes in, slices out. It is strict where two parsers could disagree about where a
 * message ends or whom it is for (request smuggling): what it does not accept by the letter of the
 * RFC never reaches the app. There is one exception: a target may hold any visible character but
 * "#", because browsers send a few that RFC 3986 wants encoded, and no framing depends on them.
 *
 * It may be called again and again while bytes arrive, looks at each byte once, and refuses at the
 * end of the line that is wrong; a control character and a limit at once.
 */

#include "base/slice.h"
#include "http/target.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of the longest method, nearly twice the longest one that is registered
 * (UPDATEREDIRECTREF, RFC 9110 §16.1.1); more is 501 (RFC 9112 §3). */
enum { REQUEST_METHOD_MAX = 32 };

struct request_limits {
    size_t line;    /* bytes of the request line without its CRLF; more is 414 */
    size_t section; /* bytes from the first field line to the empty line, with both; more is 431 */
    size_t fields;  /* number of field lines; more is 431 */
    uint64_t content; /* announced bytes of content; more is 413 */
};

/* All slices borrow from the data given to request_parse. Zeroed before the first call. */
struct request {
    struct slice method;
    struct slice target; /* as received */
    unsigned minor;      /* of the HTTP version 1.minor; above 1 it is to be treated as 1 */
    enum request_form form;
    struct slice scheme; /* of an absolute target, in any case; absent in the other forms */
    struct slice host; /* the target's authority if it has one, else the value of Host; with port */
    struct slice
        path; /* still percent-encoded, begins with "/"; absent in authority and asterisk form */
    struct slice query;  /* behind the "?"; absent when there is none */
    struct slice fields; /* the whole field section, for request_next_field */

    bool chunked; /* the content has the chunked transfer coding */
    bool has_content_length;
    uint64_t content_length;
    bool expects_continue; /* "Expect: 100-continue", in HTTP/1.1 and with content only */

    const char *problem; /* why it was refused: a static text for the log and the client */

    struct {
        size_t line;     /* where the line under way begins */
        size_t scanned;  /* bytes that were looked at */
        size_t section;  /* where the field section begins; 0 while in the request line */
        size_t fields;   /* field lines seen */
        bool empty_line; /* the one empty line before a request was skipped */
        bool has_host, has_content_type, has_authorization;
        bool length_overflows; /* the Content-Length has more than 64 bits */
        bool has_transfer_encoding;
        bool final_chunked;   /* the last transfer coding seen is a plain "chunked" */
        bool other_coding;    /* there was another one before it */
        bool repeated_coding; /* chunked stood before another coding */
        bool expects;         /* 100-continue was asked for */
    } parser;
};

struct request_field {
    struct slice name, value; /* the value without white space around it */
};

/* Parses data[0..size), the bytes of the connection from its beginning.
 *
 * Call it with the same request, the same address and a growing size until it returns something
 * else than -EAGAIN. Returns 0 when the head is complete (*ret_size: its bytes with the empty line;
 * what follows is content); -EAGAIN when more bytes are needed; else the status to answer with:
 * 400, 413, 414, 417, 431, 501 or 505, and request->problem says why. After a refusal the slices
 * that were already found stay valid (method and target for the log). */
int request_parse(struct request *request, const char *data, size_t size,
    const struct request_limits *limits, size_t *ret_size);

/* Walks through the field lines of a request that was parsed, in the order received: start with
 * *cursor 0, ends with false. Borrows. */
bool request_next_field(const struct request *request, size_t *cursor, struct request_field *ret);

/* The value of the one field line with this name; absent when there is none, or more than one, or
 * when the request was refused. Borrows. */
struct slice request_find_field(const struct request *request, struct slice name);

/* Whether content follows the head: chunked, or a Content-Length above 0. */
bool request_has_content(const struct request *request);
