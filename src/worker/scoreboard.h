#pragma once

/* What every worker is doing, in memory that all processes of a server share.
 *
 * It outlives each of them, so that the request of a worker that died can be named. There are two
 * parts, because code of the app may write anywhere.
 *
 * The slots, and the totals, are what the server and its templates act on. A worker has them only
 * until its request begins, and no code of the app runs meanwhile but hooks of a fork: see
 * scoreboard_shield and scoreboard_unmap_slots.
 *
 * The reports are what workers say of their requests. A worker keeps them, and writes to its own
 * only; one that went wild may have written anything, so they are for the log and nothing else.
 */

#include "base/deadline.h"
#include "http/request_id.h"
#include "proxy/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum slot_state {
    SLOT_FREE,
    SLOT_KILLED,   /* killed before it was ready */
    SLOT_STARTING, /* forked, not ready to accept */
    SLOT_SPARE,    /* waits for a connection */
    SLOT_RUNNING,  /* has one */
};

/* Changed counts are told to the server, and to systemd, at most that often. */
#define SCOREBOARD_NEWS_INTERVAL USEC_PER_SEC

/* The room for "METHOD target" of a request. */
enum { SLOT_REQUEST_SIZE = 256 };

struct slot {
    volatile int state; /* enum slot_state */
    volatile pid_t pid; /* its worker; 0 when free, or when that is about to be forked */
    unsigned generation;
    volatile usec_t since; /* RUNNING: the request began; STARTING: it was forked */
    volatile bool overdue; /* it was asked for its tracebacks, because it is not ready in time */
    volatile bool killed;  /* it is being killed, and the log says why */
};

struct report {
    char request[SLOT_REQUEST_SIZE]; /* "METHOD target", "" until that is known */
    /* For the record of the request, if its worker cannot write it. */
    struct address client;
    char request_id[REQUEST_ID_SIZE];
    /* In bytes, because not all of them are a bool. */
    volatile unsigned char recorded; /* it has written it */
    volatile unsigned char done;     /* it has ended its request, and is about to exit */
    volatile unsigned char exited;   /* it is in exit(3), which is not how workers end */
    /* Said by a worker that ends itself because of its deadline; 0: it did not. */
    volatile unsigned status;
    volatile uint64_t received, sent;
};

struct scoreboard_totals {
    volatile uint64_t served;     /* requests that have ended */
    volatile usec_t last_request; /* when the last one began or ended */
    volatile usec_t alive;        /* when the template last went through its loop */
    volatile usec_t told;         /* when the server last heard of changes */
};

/* All but `size` is shared. */
struct scoreboard {
    size_t size;
    struct scoreboard_totals *totals;
    struct slot *slots;     /* `size` of them, behind the totals */
    struct report *reports; /* one for each slot */
};

/* Makes a scoreboard for `size` workers; processes forked later share it. Returns 0 or -errno. */
int scoreboard_init(struct scoreboard *board, size_t size);
void scoreboard_done(struct scoreboard *board);

/* While it is shielded, this process and those that it forks cannot touch slots and totals: for the
 * import of the app. */
void scoreboard_shield(const struct scoreboard *board, bool shielded);

/* The request of this process begins: slots and totals are out of its reach from now on. */
void scoreboard_unmap_slots(const struct scoreboard *board);

/* Takes a free slot, with a report, for a worker that is about to be forked. NULL when all are
 * taken. Several processes may do so at the same time. */
struct slot *scoreboard_take(struct scoreboard *board, unsigned generation);

/* The slot of a process, or NULL. */
struct slot *scoreboard_find(const struct scoreboard *board, pid_t pid);

/* The report that goes with a slot. */
struct report *scoreboard_report(const struct scoreboard *board, const struct slot *slot);

/* How many slots are in a state from `first` to `last`; generation 0: of all generations. */
size_t scoreboard_count(const struct scoreboard *board, enum slot_state first, enum slot_state last,
    unsigned generation);

/* Changes the state if it is `from`: of two processes that want it, one succeeds. */
bool slot_change(struct slot *slot, enum slot_state from, enum slot_state to);

/* The worker's request begins, now. */
void scoreboard_begin(struct scoreboard *board, struct slot *slot);

/* The slot of a worker that has ended, or was never forked. */
void scoreboard_release(struct slot *slot);

/* The request line is known: the request gets its name, which is cut when it is long, its ID and
 * its client. */
void report_set_request(
    struct report *report, const char *request, const char *id, const struct address *client);

/* What the log may have of a report, sane whatever was written there: the request, in `buffer`; its
 * ID ("" when it has none), in `buffer`; its client; the status of its answer, 0 when that is not
 * known. */
const char *report_request(const struct report *report, char buffer[SLOT_REQUEST_SIZE]);
const char *report_request_id(const struct report *report, char buffer[REQUEST_ID_SIZE]);
void report_client(const struct report *report, struct address *ret_client);
unsigned report_status(const struct report *report);
