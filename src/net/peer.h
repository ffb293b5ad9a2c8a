#pragma once

/* Peers as an admin names them: "unix" for whoever is at the other end of a unix socket, or an IP
 * address, with the number of bits that count behind a slash or all of them. */

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>

struct peer_pattern {
    int family;                /* AF_UNIX, AF_INET or AF_INET6 */
    unsigned bits;             /* of the address that have to be equal */
    unsigned char address[16]; /* in network order; IPv4: the first 4 */
};

/* Reads "unix", "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". An IPv4-mapped IPv6 address with at
 * least the 96 bits of its prefix is the IPv4 address. Returns whether it is one of those. */
bool peer_parse(const char *text, struct peer_pattern *ret_pattern);

/* Whether the peer is one of those that any of the `count` patterns names. One whose address is not
 * known is none of them. */
bool peer_is_among(const struct address *peer, const struct peer_pattern *patterns, size_t count);
