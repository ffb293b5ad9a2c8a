#pragma once

/* The PROXY protocol header, which a proxy sends before any HTTP to name the client that it
 * connects for. */

#include "net/exchange.h"

/* Reads the header at the beginning of a new connection, and not a byte more. Sets exchange->peer
 * and exchange->client to the header's source, exchange->server to its destination, and
 * exchange->peer.is_tls. With LOCAL or UNKNOWN the addresses of the connection stay. A source that
 * is a unix socket becomes an unknown address: it is a socket of the proxy's host.
 *
 * Returns 0, -ENODATA when the proxy closed the connection or the deadline passed before the first
 * byte, or another -errno with *ret_problem, a static text, to follow "PROXY protocol header: ".
 * Continues after signals. */
int proxied_read(struct exchange *exchange, usec_t deadline, const char **ret_problem);
