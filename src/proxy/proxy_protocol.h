#pragma once

/* The header that a proxy sends before all else on a connection that it makes on behalf of a client
 * (HAProxy's doc/proxy-protocol.txt, called "PP" here): version 1, a line of text, or version 2,
 * binary.
 */

#include "base/slice.h"

#include <stdint.h>

/* The largest header that is accepted, with all its TLVs. */
enum { PROXY_PROTOCOL_MAX_SIZE = 4096 };

/* Whose addresses the header has. */
enum proxy_protocol_family {
    PROXY_PROTOCOL_LOCAL,   /* none, of the proxy itself: those of the connection count */
    PROXY_PROTOCOL_UNKNOWN, /* none either, of a client that is not named */
    PROXY_PROTOCOL_UNIX,    /* of unix sockets, whose names are not looked at */
    PROXY_PROTOCOL_INET,
    PROXY_PROTOCOL_INET6,
};

struct proxy_protocol_end {
    struct slice host; /* borrowed from the header; text in version 1, in version 2 the bytes of the
                        * address in network order; absent unless it is INET or INET6 */
    uint16_t port;
};

struct proxy_protocol {
    unsigned version; /* 1 or 2 */
    enum proxy_protocol_family family;
    struct proxy_protocol_end source, destination;
    bool is_tls;         /* the client speaks TLS with the proxy */
    const char *problem; /* what is wrong with the header, a static text */
};

/* Parses the header at the beginning of data, which may end anywhere.
 *
 * Returns 0 with the size of the header, -EAGAIN when more bytes are needed, or -EBADMSG with
 * *ret_header zeroed but for the problem: at the first byte that shows that it is no header in
 * version 2, at the end of the line in version 1. Never looks behind the header. */
int proxy_protocol_parse(
    const char *data, size_t size, struct proxy_protocol *ret_header, size_t *ret_size);
