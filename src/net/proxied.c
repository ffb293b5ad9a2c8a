#include "net/proxied.h"

#include "net/conn.h"
#include "proxy/proxy_protocol.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/* The address, which the parser has found valid; nothing for a unix socket's. */
static void convert(
    const struct proxy_protocol *header, const struct proxy_protocol_end *end, struct address *ret)
{
    int family = header->family == PROXY_PROTOCOL_INET6 ? AF_INET6 : AF_INET;

    if (header->family == PROXY_PROTOCOL_UNIX)
        *ret = (struct address){0};
    else if (header->version == 2)
        address_of_bytes(family, end->host.data, end->port, ret);
    else if (address_of_text(end->host, ret))
        snprintf(ret->port, sizeof(ret->port), "%u", end->port);
}

static void apply(const struct proxy_protocol *header, struct exchange *exchange)
{
    exchange->peer.is_for_another = header->family == PROXY_PROTOCOL_UNKNOWN;
    if (header->family == PROXY_PROTOCOL_LOCAL || header->family == PROXY_PROTOCOL_UNKNOWN)
        return;
    convert(header, &header->source, &exchange->peer.address);
    convert(header, &header->destination, &exchange->server);
    exchange->client.address = exchange->peer.address;
    exchange->peer.is_tls = header->is_tls;
}

/* No more bytes came, and the header is not whole. */
static int failure(const struct conn *conn, int error, const char **ret_problem)
{
    if (conn->received == 0)
        return -ENODATA;
    *ret_problem = error == -ETIMEDOUT ? "timed out (--head-timeout)" : "truncated";
    return error;
}

int proxied_read(struct exchange *exchange, usec_t deadline, const char **ret_problem)
{
    struct conn *conn = exchange->conn;
    struct proxy_protocol header = {0};
    size_t size;

    for (;;) {
        struct slice bytes = conn_pending(conn);
        int r = proxy_protocol_parse(bytes.data, bytes.size, &header, &size);
        if (r == 0)
            break;
        if (r != -EAGAIN) {
            *ret_problem = header.problem;
            return r;
        }
        do
            r = conn_fill(conn, deadline);
        while (r == -EINTR);
        if (r < 0)
            return failure(conn, r, ret_problem);
    }
    apply(&header, exchange);
    conn_discard(conn, size);
    return 0;
}
