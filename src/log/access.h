#pragma once

/* Access records: one for each request, to the journal or as a line of standard error.
 *
 * A worker writes its own, after its connection was closed, so that no client waits for that. The
 * record of a worker that could not, because it was ended, is written by who buries it.
 */

#include "log/log.h"
#include "net/exchange.h"
#include "options/options.h"

#include <sys/resource.h>
#include <time.h>

/* What is to be told of a request. Absent slices, and numbers that are ACCESS_UNKNOWN, are left
 * out. */
struct access_record {
    struct address peer;
    time_t time;                            /* when the request began */
    struct slice line, referer, user_agent; /* of the head, as received */
    unsigned status;                        /* of the answer; 0: not known */
    uint64_t content;                       /* bytes of content sent, without framing */
    uint64_t received, sent;                /* bytes on the wire, heads and framing included */
    usec_t duration;                        /* microseconds, to the end of the connection */
    usec_t cpu;                             /* microseconds, children included */
    uint64_t memory_peak;                   /* bytes */
};

#define ACCESS_UNKNOWN UINT64_MAX

/* The status of a request whose client left before anything of its answer was sent, as nginx has
 * it. */
#define ACCESS_CLIENT_LEFT 499

/* When a request begins: what its record needs to know at its end. */
struct access {
    time_t time;
    usec_t since;
    usec_t cpu;
};

void access_begin(struct access *access);

/* Writes the record of a request of this process, whose connection is closed. */
void access_end(
    const struct access *access, const struct exchange *exchange, const struct options *options);

/* Writes a record. `fields` (at most 4) go to the journal as well, behind its own. */
void access_write(const struct access_record *record, const struct log_field *fields,
    size_t n_fields, const struct options *options);

/* The processor time, in microseconds, and the memory peak, in bytes, of what getrusage(2) and
 * wait4(2) tell. */
usec_t access_cpu(const struct rusage *usage);
uint64_t access_memory_peak(const struct rusage *usage);

/* Tells the journal, and nobody else, that a request begins: for a process of its own unit, which
 * can be killed without anybody who could name its request. */
void access_report_begin(const struct exchange *exchange, const struct options *options);
