#include "net/proxied.h"

#include "net/conn.h"
#include "proxy/proxy_protocol.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/* The parser has validated the address. That of a unix socket becomes an empty one. */
static void convert_end(
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

static void apply_header(const struct proxy_protocol *header, struct exchange *exchange)
{
    exchange->peer.client_is_unknown = header->family == PROXY_PROTOCOL_UNKNOWN;
    if (header->family == PROXY_PROTOCOL_LOCAL || header->family == PROXY_PROTOCOL_UNKNOWN)
        return;
    convert_end(header, &header->source, &exchange->peer.address);
    convert_end(header, &header->destination, &exchange->server);
    exchange->client.address = exchange->peer.address;
    exchange->peer.is_tls = header->is_tls;
}

/* The result when conn_fill failed before the header was complete. */
static int header_failure(const struct conn *conn, int error, const char **ret_problem)
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
            return header_failure(conn, r, ret_problem);
    }
    apply_header(&header, exchange);
    conn_discard(conn, size);
    return 0;
}
