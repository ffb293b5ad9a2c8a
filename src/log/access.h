#pragma once

/* Access records: one for each request, as a record in the journal or a line on standard error.
 *
 * A worker writes the record of its request after it has closed the connection, so that no client
 * waits for it. If the worker was killed before that, the process that reaps it writes the record.
 */

#include "log/log.h"
#include "net/exchange.h"
#include "options/options.h"

#include <sys/resource.h>
#include <time.h>

/* The contents of a record. Absent slices and numbers that are ACCESS_UNKNOWN are left out. */
struct access_record {
    struct address peer;
    time_t time;                            /* when the request began */
    struct slice line, referer, user_agent; /* from the head, as received */
    unsigned status;                        /* of the response; 0: not known */
    uint64_t content;                       /* bytes of content sent, without framing */
    uint64_t received, sent;                /* bytes on the wire, with heads and framing */
    usec_t duration;                        /* microseconds until the connection was closed */
    usec_t cpu;                             /* microseconds, with children */
    uint64_t memory_peak;                   /* bytes */
};

#define ACCESS_UNKNOWN UINT64_MAX

/* The status of a request whose client disconnected before any of the response was sent, as in
 * nginx. */
#define ACCESS_CLIENT_LEFT 499

/* The state at the beginning of a request, from which its record is calculated at the end. */
struct access {
    time_t time;
    usec_t since;
    usec_t cpu;
};

void access_begin(struct access *access);

/* Writes the record of a request of this process. Call it after the connection is closed; the
 * buffer of the connection must still exist. */
void access_end(const struct access *access, const struct exchange *exchange,
    enum options_access_log destination);

/* Writes a record. Adds `fields` (at most 4) to the record in the journal. */
void access_write(const struct access_record *record, const struct log_field *fields,
    size_t n_fields, enum options_access_log destination);

/* The processor time in microseconds, and the memory peak in bytes, from the result of getrusage(2)
 * or wait4(2). */
usec_t access_cpu(const struct rusage *usage);
uint64_t access_memory_peak(const struct rusage *usage);

/* Reports to the journal, and nowhere else, that a request begins. For a process without a server:
 * if it is killed, no other process can name its request. */
void access_report_begin(const struct exchange *exchange, enum options_access_log destination);
