#pragma once

/* One request through the app (PEP 3333): call it, send what it yields, close. Free of Python
 * types.
 *
 * Here the two dialects of errors meet: Python exceptions are logged and become a number.
 */

#include "net/exchange.h"
#include "wsgi/application.h"

struct problem;

/* What all requests share: the types and the constant part of the environ. */
struct gateway;

/* Prepares for requests to the app. The gateway lives until the process ends. Returns 0, or
 * EX_SOFTWARE or EX_OSERR with *ret_problem. */
int gateway_new(const struct application *application, struct gateway **ret_gateway,
    struct problem *ret_problem);

/* application_describe of its app. */
char *gateway_describe(const struct gateway *gateway);

/* Makes the objects that the request would need, and drops them: what is written to in memory then
 * was not yet, in a process that was just forked. Nothing of the app is called. */
void gateway_prefault(struct gateway *gateway, struct exchange *exchange);

/* Runs the request. At the return, no Python object can reach the exchange any more, and the
 * close() of what the app returned was called.
 *
 * Returns 0 when the answer was sent whole; the status to answer with when nothing was sent: 500,
 * or 400, 408, 413, 431 for what the client did; or -errno when the answer is cut off: -ECONNRESET
 * when the client left, -ETIMEDOUT when it did not take the answer in time, -EIO when the app
 * failed midway. All but a client that left is logged. */
int gateway_run(struct gateway *gateway, struct exchange *exchange);
