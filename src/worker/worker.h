#pragma once

/* A worker: a process that serves one request on one connection, then exits.
 *
 * It reads and checks the head of the request before it starts the interpreter, so that a request
 * that does not reach the app costs almost nothing.
 */

#include "options/options.h"

struct gateway;
struct observer;
struct problem;
struct report;
struct signal_policy;

struct worker {
    const struct options *options;
    struct gateway *gateway; /* NULL until the app is loaded */
    int failure;             /* an exit status if no request can be served (it gets 500), or 0 */
    struct report *report;   /* where it reports on its request, or NULL */
    const struct signal_policy *signal_policy; /* applied after the interpreter starts, or NULL */
    struct observer *observer;                 /* of the files that the import reads, or NULL */
};

/* Changes to --directory, starts Python and loads the app. Returns 0, or an exit status of
 * sysexits(3) with *ret_problem. */
int worker_load(struct worker *worker, struct problem *ret_problem);

/* Does what a request does before it calls the app, without a client and without the app. A forked
 * process gets its own copies of the pages that this writes to before its connection arrives rather
 * than after. The app must be loaded. */
void worker_prefault(const struct worker *worker);

/* Serves one request on the connection fd, which it closes. Loads the app if it is not loaded.
 * Returns an exit status: 0, also if the client or the app made an error that was answered; the
 * status of worker_load; the failure of the worker; or EX_OSERR. If the request exceeds its
 * deadline (request_timer.h), the process exits with EX_TEMPFAIL instead. */
int worker_serve(struct worker *worker, int fd);

/* Ends the process as the interpreter would: joins threads, runs atexit functions and flushes
 * streams. The deadline of the request still applies. */
_Noreturn void worker_end(struct worker *worker, int status);
