#pragma once

/* The request-target, the second word of a request line (RFC 9112 §3.2, RFC 3986).
 *
 * Any visible character but "#" may stand in it: see request.h. */

#include "base/slice.h"

#include <stdbool.h>

/* How the request-target is written (RFC 9112 §3.2). */
enum request_form {
    REQUEST_ORIGIN,    /* /path?query */
    REQUEST_ABSOLUTE,  /* http://host/path?query */
    REQUEST_AUTHORITY, /* host:port, for CONNECT only */
    REQUEST_ASTERISK,  /* *, for OPTIONS only: the server as a whole */
};

/* All slices borrow from the text, and are absent when the form has no such part. */
struct target {
    enum request_form form;
    struct slice scheme;    /* "http" or "https", in any case; of an absolute target */
    struct slice authority; /* the host, perhaps with a port */
    struct slice path;      /* still percent-encoded, begins with "/" */
    struct slice query;     /* what follows the "?" */
};

/* Takes the target of a request with that method apart. Returns NULL, or what is wrong with it
 * (static). */
const char *target_parse(struct slice method, struct slice text, struct target *ret);

/* Checks the percent-encoding of a path (RFC 3986 §2.1); an encoded NUL is refused too, because no
 * file name and no C string holds one (RFC 3986 §7.3). */
bool target_path_is_valid(struct slice path);

/* Decodes the percent-encoding of a valid path. buffer has room for path.size bytes; returns how
 * many were written. */
size_t target_decode_path(struct slice path, char *buffer);
