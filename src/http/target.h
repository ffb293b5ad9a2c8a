#pragma once

/* The request-target of a request line (RFC 9112 §3.2, RFC 3986).
 *
 * It may contain any visible character except "#": see request.h. */

#include "base/slice.h"

#include <stdbool.h>

/* How the request-target is written (RFC 9112 §3.2). */
enum request_form {
    REQUEST_ORIGIN,    /* /path?query */
    REQUEST_ABSOLUTE,  /* http://host/path?query */
    REQUEST_AUTHORITY, /* host:port, for CONNECT only */
    REQUEST_ASTERISK,  /* *, for OPTIONS only: the server as a whole */
};

/* All slices borrow from the text, except a path that is "/" because it was empty. They are absent
 * when the target has no such part. */
struct target {
    enum request_form form;
    struct slice scheme; /* of an absolute-form target: "http" or "https", in upper or lower case */
    struct slice authority; /* host, perhaps with a port */
    struct slice path;      /* percent-encoded, begins with "/" */
    struct slice query;     /* after the "?" */
};

/* Parses the target of a request with this method. Returns NULL, or a static text that says what is
 * wrong. */
const char *target_parse(struct slice method, struct slice text, struct target *ret);

/* Splits "/path" or "http://host/path", with the scheme in lower case. Checks only that the host is
 * not empty. The path extends to the end of the text; *ret_host is absent if the text has no host.
 * Both borrow from the text. Returns false, and sets neither, if the text has another form. */
bool target_split_url(struct slice text, struct slice *ret_host, struct slice *ret_path);

/* Whether the percent-encoding of a path is valid (RFC 3986 §2.1). An encoded NUL is not, because
 * file names and C strings cannot contain it (RFC 3986 §7.3). */
bool target_path_is_valid(struct slice path);

/* Decodes a valid percent-encoded path into buffer, which has room for path.size bytes. Returns the
 * number of bytes written. */
size_t target_decode_path(struct slice path, char *buffer);
