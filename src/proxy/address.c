#include "proxy/address.h"

#include "http/syntax.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool address_is_mapped(const void *bytes)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

void address_of_bytes(int family, const void *bytes, uint16_t port, struct address *ret)
{
    /* An IPv4 client of a dual-stack listener: apps expect its IPv4 address. */
    if (family == AF_INET6 && address_is_mapped(bytes)) {
        family = AF_INET;
        bytes = (const char *)bytes + 12;
    }
    *ret = (struct address){.family = family};
    if (!inet_ntop(family, bytes, ret->host, sizeof(ret->host)))
        ret->host[0] = '\0';
    snprintf(ret->port, sizeof(ret->port), "%u", port);
}

bool address_of_text(struct slice text, struct address *ret)
{
    struct in6_addr bytes;
    int family = slice_find(text, ':') < text.size ? AF_INET6 : AF_INET;

    *ret = (struct address){0};
    if (!syntax_parse_ip_address(family, text, &bytes))
        return false;
    address_of_bytes(family, &bytes, 0, ret);
    ret->port[0] = '\0';
    return true;
}

static void address_of_storage(const struct sockaddr_storage *storage, struct address *ret)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;

    if (storage->ss_family == AF_INET)
        address_of_bytes(AF_INET, &in->sin_addr, ntohs(in->sin_port), ret);
    else if (storage->ss_family == AF_INET6)
        address_of_bytes(AF_INET6, &in6->sin6_addr, ntohs(in6->sin6_port), ret);
    else
        *ret = (struct address){.family = storage->ss_family};
}

void address_of_socket(int fd, struct address *ret)
{
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof(storage);

    *ret = (struct address){0};
    if (getsockname(fd, (struct sockaddr *)&storage, &size) == 0)
        address_of_storage(&storage, ret);
}

void address_of_peer(int fd, struct address *ret)
{
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof(storage);

    *ret = (struct address){0};
    if (getpeername(fd, (struct sockaddr *)&storage, &size) == 0)
        address_of_storage(&storage, ret);
}
