#pragma once

/* The two ends of a connection, as text. */

#include "base/slice.h"

#include <netinet/in.h>
#include <stdint.h>

struct address {
    int family;                  /* AF_UNIX, AF_INET, AF_INET6; 0 when it is not known */
    char host[INET6_ADDRSTRLEN]; /* numeric; empty for AF_UNIX and for a peer that has left */
    char port[sizeof("65535")];  /* decimal; empty likewise */
};

/* Whether the 16 bytes of an IPv6 address stand for an IPv4 address, which are their last four (RFC
 * 4291 §2.5.5.2). */
bool address_is_mapped(const void *bytes);

/* The address of these bytes, of AF_INET or AF_INET6 in network order, and of this port. */
void address_of_bytes(int family, const void *bytes, uint16_t port, struct address *ret);

/* Reads a numeric address of IPv4 or IPv6, without brackets and zone, and leaves the port empty.
 * Returns whether it is one; if not, *ret is empty. */
bool address_of_text(struct slice text, struct address *ret);

/* The address of this side of the socket. Never fails: what is not known is empty. */
void address_of_socket(int fd, struct address *ret);

/* The address of the other side of the socket. Never fails: what is not known is empty. */
void address_of_peer(int fd, struct address *ret);
