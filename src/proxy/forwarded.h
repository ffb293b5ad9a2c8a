#pragma once

/* What proxies say of the client and of what it asked for: Forwarded (RFC 7239), and the fields of
 * the family X-Forwarded-*, for which there is no standard but use.
 *
 * Each proxy adds an element at the end of a list, or puts one in its place. Who of them is to be
 * believed is not decided here. All slices borrow from the request. */

#include "http/request.h"

enum forwarded_field {
    FORWARDED = 1 << 0,
    FORWARDED_FOR = 1 << 1, /* X-Forwarded-For, and so on */
    FORWARDED_PROTO = 1 << 2,
    FORWARDED_HOST = 1 << 3,
    FORWARDED_PORT = 1 << 4,
    FORWARDED_PREFIX = 1 << 5,
    FORWARDED_ALL = (1 << 6) - 1,
};

/* Their names in the order of the bits, up to a NULL. */
extern const char *const forwarded_field_names[];

/* The field with this name, in any case; 0 for all others. */
unsigned forwarded_field_named(struct slice name);

/* One element of Forwarded or of X-Forwarded-For: what a proxy says of who has asked it. */
struct forwarded_element {
    /* "192.0.2.1" or "2001:db8::1", without brackets and zone; absent when the proxy does not
     * know it or does not tell (RFC 7239 §6.2, §6.3) */
    struct slice address;
    struct slice port;   /* a number up to 65535; absent when it is not told */
    struct slice scheme; /* of Forwarded: the value of proto, without its quotes, or absent */
    struct slice host;   /* of Forwarded: the value of host, without its quotes, or absent */
    bool is_malformed;   /* nothing else of it is set */
};

/* Where a walk through a list is; zeroed before. */
struct forwarded_cursor {
    size_t field;      /* of request_next_field */
    struct slice rest; /* what follows of the field line under way */
};

/* Walks through the elements of `field`, FORWARDED or FORWARDED_FOR, of all its lines, from the
 * farthest proxy's to the nearest one's. Empty elements are skipped (RFC 9110 §5.6.1.2). Returns
 * whether there was another. */
bool forwarded_next(const struct request *request, enum forwarded_field field,
    struct forwarded_cursor *cursor, struct forwarded_element *ret_element);

/* The element of one of the other fields that has `behind` elements behind it, or the first one if
 * they are fewer; absent when there is none at all. */
struct slice forwarded_find(
    const struct request *request, enum forwarded_field field, size_t behind);

/* Whether a value is what its field has to be: "http" or "https" in any case; a host with or
 * without a port (RFC 9110 §7.2); a port from 1 to 65535; a path that begins with one slash,
 * also when it is decoded, because "//host" is another host's URL, without query and fragment (RFC
 * 3986 §3.3 and §4.2), and decoded without control characters and without the segments "." and
 * "..". */
bool forwarded_is_scheme(struct slice value);
bool forwarded_is_host(struct slice value);
bool forwarded_is_port(struct slice value);
bool forwarded_is_prefix(struct slice value);
