#pragma once

/* The PROXY protocol header at the beginning of a connection: with it a proxy says on whose behalf
 * it has connected, before all HTTP. */

#include "net/exchange.h"

/* Reads the header, and no byte behind it, for the exchange whose connection is new. Its peer and
 * client become the source, its server the destination, and it is told whether it speaks TLS with
 * the proxy, unless the proxy connects for itself, or for somebody whom it does not name. A source
 * that is a unix socket is not known: it is one of the proxy's.
 *
 * Returns 0, -ENODATA when the proxy left or the deadline passed before a single byte, or another
 * -errno with *ret_problem, a static text. Goes on after signals. */
int proxied_read(struct exchange *exchange, usec_t deadline, const char **ret_problem);
