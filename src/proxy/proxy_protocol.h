#pragma once

/* The PROXY protocol header, which a proxy sends first on a connection that it makes for a client
 * (HAProxy's doc/proxy-protocol.txt, called "PP" here): version 1, a line of text, or version 2,
 * binary.
 */

#include "base/slice.h"

#include <stdint.h>

/* The size of the largest header accepted, including its TLVs. */
enum { PROXY_PROTOCOL_MAX_SIZE = 4096 };

/* The kind of addresses in the header. */
enum proxy_protocol_family {
    PROXY_PROTOCOL_LOCAL,   /* none: the proxy connects for itself, use the connection's */
    PROXY_PROTOCOL_UNKNOWN, /* none: the client is not named */
    PROXY_PROTOCOL_UNIX,    /* unix sockets, whose names are ignored */
    PROXY_PROTOCOL_INET,
    PROXY_PROTOCOL_INET6,
};

struct proxy_protocol_end {
    struct slice host; /* borrowed from the header; version 1: the text of the address, version 2:
                        * its bytes in network order; absent unless INET or INET6 */
    uint16_t port;
};

struct proxy_protocol {
    unsigned version; /* 1 or 2 */
    enum proxy_protocol_family family;
    struct proxy_protocol_end source, destination;
    bool is_tls;         /* the client uses TLS to the proxy (PP2_CLIENT_SSL) */
    const char *problem; /* what is wrong: a static text, to follow "PROXY protocol header: " */
};

/* Parses the header at the beginning of data, which may be incomplete.
 *
 * Returns 0 with the header and its size, -EAGAIN when more bytes are needed, or -EBADMSG with
 * *ret_header zeroed except for the problem: in version 2 at the first invalid byte, in version 1
 * at the end of the line. Never reads past the header. */
int proxy_protocol_parse(
    const char *data, size_t size, struct proxy_protocol *ret_header, size_t *ret_size);
