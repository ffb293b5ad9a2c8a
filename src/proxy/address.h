#pragma once

/* The address of one end of a connection, as text. */

#include "base/slice.h"

#include <netinet/in.h>
#include <stdint.h>

struct address {
    int family;                  /* AF_UNIX, AF_INET, AF_INET6; 0 when unknown */
    char host[INET6_ADDRSTRLEN]; /* numeric; empty with AF_UNIX and when unknown */
    char port[sizeof("65535")];  /* decimal; empty likewise */
};

/* Whether the 16 bytes of an IPv6 address are an IPv4-mapped one, whose last 4 bytes are the IPv4
 * address (RFC 4291 §2.5.5.2). */
bool address_is_mapped(const void *bytes);

/* Formats an address of AF_INET or AF_INET6, given as bytes in network order, and a port. An
 * IPv4-mapped address becomes the IPv4 address. */
void address_of_bytes(int family, const void *bytes, uint16_t port, struct address *ret);

/* Parses a numeric IPv4 or IPv6 address without brackets and zone; the port is empty. Returns
 * whether the text is valid; if not, *ret is empty. */
bool address_of_text(struct slice text, struct address *ret);

/* The local address of the socket. Never fails: *ret is empty when the address is unknown. */
void address_of_socket(int fd, struct address *ret);

/* The remote address of the socket. Never fails: *ret is empty when the address is unknown, as it
 * is once the peer has reset the connection. */
void address_of_peer(int fd, struct address *ret);
