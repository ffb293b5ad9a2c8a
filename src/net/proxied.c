#include "net/proxied.h"

#include "http/proxy_protocol.h"
#include "net/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The bytes of an address as the header has it; the parser has found it valid. */
static void read_host(int family, unsigned version, struct slice host, void *bytes)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (version == 2) {
        memcpy(bytes, host.data, host.size);
        return;
    }
    memcpy(text, host.data, host.size < sizeof(text) ? host.size : 0);
    inet_pton(family, text, bytes);
}

static void convert(
    const struct proxy_protocol *header, const struct proxy_protocol_end *end, struct address *ret)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;

    if (header->family == PROXY_PROTOCOL_INET) {
        storage.ss_family = AF_INET;
        in->sin_port = htons(end->port);
        read_host(AF_INET, header->version, end->host, &in->sin_addr);
    } else if (header->family == PROXY_PROTOCOL_INET6) {
        storage.ss_family = AF_INET6;
        in6->sin6_port = htons(end->port);
        read_host(AF_INET6, header->version, end->host, &in6->sin6_addr);
    }
    address_write(&storage, ret);
}

static void apply(const struct proxy_protocol *header, struct exchange *exchange)
{
    exchange->peer.is_for_another = header->family == PROXY_PROTOCOL_UNKNOWN;
    if (header->family == PROXY_PROTOCOL_LOCAL || header->family == PROXY_PROTOCOL_UNKNOWN)
        return;
    convert(header, &header->source, &exchange->peer.address);
    convert(header, &header->destination, &exchange->server);
    exchange->client.address = exchange->peer.address;
    exchange->is_tls = header->is_tls;
}

/* No more bytes came, and the header is not whole. */
static int failure(const struct conn *conn, int error, const char **ret_problem)
{
    if (conn->received == 0)
        return -ENODATA;
    *ret_problem = error == -ETIMEDOUT ? "it did not arrive in time" : "it is cut off";
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
    conn_drop(conn, size);
    return 0;
}
