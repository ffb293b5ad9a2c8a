#pragma once

/* Who the client is, and what it asked for, when proxies stand between: what those are believed
 * that the admin trusts. */

#include "proxy/address.h"
#include "proxy/forwarded.h"
#include "proxy/peer.h"

/* What the nearest proxies say of a request, as far as they are trusted. Slices are absent where
 * they say nothing; they borrow from the request. */
struct client {
    struct address address;  /* empty when it is not known */
    struct slice scheme;     /* "http" or "https", in any case */
    struct slice host;       /* what stood in Host; perhaps with a port */
    struct slice port;       /* that it connected to */
    struct slice prefix;     /* of the path, which the proxy has cut off; percent-encoded */
    unsigned dropped_fields; /* which of enum forwarded_field are not to reach the app */
};

/* Finds out what is to be believed. `peer` is who sent the request, with the address that it has
 * given in the PROXY protocol, if it was trusted with that. Returns 0, or a status to refuse it
 * with and request->problem: 400 when a trusted proxy says what cannot be understood, or what the
 * client could have made it say; 421 for an https target over a connection that no trusted proxy
 * vouches for. On failure, *ret_client is what it was. */
int client_find(const struct peer *peer, const struct trust *trust, struct request *request,
    struct client *ret_client);
