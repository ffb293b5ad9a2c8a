#pragma once

/* The client of a request that came through proxies: its address, and the URL it requested, as
 * reported by trusted proxies. */

#include "proxy/address.h"
#include "proxy/forwarded.h"
#include "proxy/peer.h"

/* What trusted proxies report. A slice is absent when they do not report the value; all borrow from
 * the request. */
struct client {
    struct address address;  /* empty when unknown */
    struct slice scheme;     /* "http" or "https", in upper or lower case */
    struct slice host;       /* the original Host, perhaps with a port */
    struct slice port;       /* the port that the client connected to */
    struct slice prefix;     /* percent-encoded; the part of the path that the proxy removed */
    unsigned dropped_fields; /* the enum forwarded_field bits to hide from the app */
};

/* Determines the client from the forwarding fields that a trusted proxy may set. `peer` is the
 * sender of the request: the other end of the connection, or the source in the PROXY protocol
 * header of a trusted proxy. Returns 0, or a status to refuse the request with, and sets
 * request->problem: 400 when a field of a trusted proxy is malformed, or when Host could make such
 * a field ambiguous; 421 for an https target over a connection that no trusted proxy has secured.
 * On failure, *ret_client is unchanged. */
int client_find(const struct peer *peer, const struct trust *trust, struct request *request,
    struct client *ret_client);
