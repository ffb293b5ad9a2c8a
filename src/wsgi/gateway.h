#pragma once

/* Runs one request through the app (PEP 3333): calls it, sends what it yields, calls close(). Free
 * of Python types.
 *
 * Callers see no Python exceptions: the gateway logs them and returns a status or an -errno.
 */

#include "net/exchange.h"
#include "wsgi/application.h"

struct problem;

/* The app, and what all requests share: the types, and the constant part of the environ. */
struct gateway;

/* Creates the gateway to the app. It lives until the process ends. Returns 0, or EX_SOFTWARE or
 * EX_OSERR with *ret_problem. */
int gateway_new(const struct application *application, struct gateway **ret_gateway,
    struct problem *ret_problem);

/* application_describe of its app. */
char *gateway_describe(const struct gateway *gateway);

/* Writes to the memory that a request will need: creates the objects for this exchange, and frees
 * them. After a fork, this takes the page faults before a client waits. Calls nothing of the app.
 */
void gateway_prefault(struct gateway *gateway, struct exchange *exchange);

/* Runs the request, and blocks until the app has ended it. When this returns, close() of the app's
 * iterable has been called, and no Python object refers to the exchange.
 *
 * Returns 0 if the response was sent completely; the status to answer with if nothing was sent:
 * 500, or 400, 408, 413, 431 for an error of the client; or -errno if the response is incomplete:
 * -ECONNRESET if the client left, -ETIMEDOUT if the client did not take the response in time, -EIO
 * if the app failed. Logs all failures except a client that left. */
int gateway_run(struct gateway *gateway, struct exchange *exchange);
