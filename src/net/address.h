#pragma once

/* The two ends of a connection, as text. */

#include <netinet/in.h>

struct address {
    int family;                  /* AF_UNIX, AF_INET, AF_INET6; 0 when it is not known */
    char host[INET6_ADDRSTRLEN]; /* numeric; empty for AF_UNIX and for a peer that has left */
    char port[sizeof("65535")];  /* decimal; empty likewise */
};

/* An address of a socket as text. Never fails: what is not known is empty. */
void address_write(const struct sockaddr_storage *storage, struct address *ret);

/* The address of this side of the socket. Never fails: what is not known is empty. */
void address_of_socket(int fd, struct address *ret);

/* The address of the other side of the socket. Never fails: what is not known is empty. */
void address_of_peer(int fd, struct address *ret);
