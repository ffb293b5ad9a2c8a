#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void address_write(const struct sockaddr_storage *storage, struct address *ret)
{
    const void *bytes;
    int family = storage->ss_family;
    in_port_t port = 0;

    if (family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
        bytes = &in->sin_addr;
        port = in->sin_port;
    } else if (family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
        bytes = &in6->sin6_addr;
        port = in6->sin6_port;
        /* An IPv4 client of a dual-stack listener: apps compare with the IPv4 address. */
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            family = AF_INET;
            bytes = in6->sin6_addr.s6_addr + 12;
        }
    } else
        bytes = NULL;

    *ret = (struct address){.family = family};
    if (!bytes)
        return;
    if (!inet_ntop(family, bytes, ret->host, sizeof(ret->host)))
        ret->host[0] = '\0';
    snprintf(ret->port, sizeof(ret->port), "%u", (unsigned)ntohs(port));
}

void address_of_socket(int fd, struct address *ret)
{
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof(storage);

    *ret = (struct address){0};
    if (getsockname(fd, (struct sockaddr *)&storage, &size) == 0)
        address_write(&storage, ret);
}

void address_of_peer(int fd, struct address *ret)
{
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof(storage);

    *ret = (struct address){0};
    if (getpeername(fd, (struct sockaddr *)&storage, &size) == 0)
        address_write(&storage, ret);
}
