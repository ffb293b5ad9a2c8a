#pragma once

/* The fields in which proxies report the client and its original request: Forwarded (RFC 7239) and
 * X-Forwarded-*, which have no standard.
 *
 * Each proxy appends an element to a list, or sets the only one. This module parses the fields;
 * client.h decides which of them to trust. All slices borrow from the request. */

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

/* The field names in the order of the bits, terminated by NULL. */
extern const char *const forwarded_field_names[];

/* The field with this name, ignoring case; 0 for any other name. */
unsigned forwarded_field_named(struct slice name);

/* One element of Forwarded or X-Forwarded-For: what a proxy reports about its own client. */
struct forwarded_element {
    /* "192.0.2.1" or "2001:db8::1", without brackets and zone; absent when it is "unknown" or
     * obfuscated (RFC 7239 §6.2, §6.3) */
    struct slice address;
    struct slice port;   /* a number up to 65535, or absent */
    struct slice scheme; /* of Forwarded: the value of proto without its quotes, or absent */
    struct slice host;   /* of Forwarded: the value of host without its quotes, or absent */
    bool is_malformed;   /* the other members are not set */
};

/* A position in a list. Zero it before the first call. */
struct forwarded_cursor {
    size_t field;      /* of request_next_field */
    struct slice rest; /* the rest of the current field line */
};

/* Iterates over the elements of `field`, FORWARDED or FORWARDED_FOR, in all its field lines, from
 * the farthest proxy's element to the nearest one's. Skips empty elements (RFC 9110 §5.6.1.2).
 * Returns whether there was another element. */
bool forwarded_next(const struct request *request, enum forwarded_field field,
    struct forwarded_cursor *cursor, struct forwarded_element *ret_element);

/* The element of one of the other fields that has `after` elements after it, or the first
 * element if the list is shorter; absent when the list is empty. */
struct slice forwarded_find(
    const struct request *request, enum forwarded_field field, size_t after);

/* Whether a value is valid for its field:
 * scheme: "http" or "https", ignoring case;
 * host: with or without a port (RFC 9110 §7.2);
 * port: from 1 to 65535;
 * prefix: a path without query and fragment (RFC 3986 §3.3) that begins with exactly one slash,
 * also after decoding, because "//host" refers to another host (RFC 3986 §4.2); decoded, it has no
 * control characters and no segments "." and "..". */
bool forwarded_is_scheme(struct slice value);
bool forwarded_is_host(struct slice value);
bool forwarded_is_port(struct slice value);
bool forwarded_is_prefix(struct slice value);
