#pragma once

/* The name and the ID by which the log, and the app, know a request. */

#include "net/exchange.h"

/* Sets the name of the exchange: "METHOD target" as far as it was received, cut if it is too long,
 * with '?' for bytes that are not visible ASCII (the target of a refused request may hold any), or
 * "a request". Sets its ID: one that a trusted peer has sent (request_id.h), or else a random one;
 * it stays empty if getrandom(2) fails. The exchange must have been zeroed. */
void identity_set(struct exchange *exchange, const struct trust *trust);
