#pragma once

/* A worker: one connection, one request, from the first byte to the last, then the end.
 *
 * The head is read and judged before the interpreter starts, so that what never reaches the app
 * costs next to nothing.
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
    int failure;             /* nothing can be served: the exit status that says why; or 0 */
    struct report *report;   /* where it says what becomes of its request, or NULL */
    const struct signal_policy *signal_policy; /* of signals, once the interpreter runs; or NULL */
    struct observer *observer;                 /* of what the import reads, or NULL */
};

/* Starts Python and loads the app. Returns 0, or the exit status of sysexits(3) with
 * *ret_problem. */
int worker_load(struct worker *worker, struct problem *ret_problem);

/* Goes through the motions of a request as far as they need no client and nothing of the app: a
 * forked process has its own copy of the memory that is written to for that, before its connection
 * comes. For a worker that is loaded. */
void worker_prefault(const struct worker *worker);

/* Serves the connection fd, which it takes over; loads the app if that was not done. Returns the
 * exit status for the process: 0 also for what the client or the app did wrong and was answered,
 * else what worker_load said, the failure of the worker, or EX_OSERR. When the deadline of the
 * request passes, the process ends in here, with EX_TEMPFAIL. */
int worker_serve(struct worker *worker, int fd);

/* Ends the process as its interpreter would: threads joined, atexit functions run, streams flushed.
 * The request's deadline holds for that, too. */
_Noreturn void worker_end(struct worker *worker, int status);
