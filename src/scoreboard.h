#pragma once

/* What every worker is doing, in memory that all processes of a server share.
 *
 * It outlives each of them, so that the request of a worker that died can be named. A worker writes
 * to its own slot only; nothing that matters is believed without asking the kernel, because a
 * worker that went wild may have written anything.
 */

#include "deadline.h"
#include "http/request_id.h"
#include "net/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum slot_state {
    SLOT_FREE,
    SLOT_DOOMED,   /* killed before it was ready */
    SLOT_STARTING, /* forked, not ready to accept */
    SLOT_SPARE,    /* waits for a connection */
    SLOT_RUNNING,  /* has one */
    SLOT_DONE,     /* has ended its request, and is about to exit */
};

/* Changed counts are told to the server, and to systemd, at most that often. */
#define SCOREBOARD_NEWS_INTERVAL USEC_PER_SEC

/* The room for "METHOD target" of a request. */
enum { SLOT_REQUEST_SIZE = 256 };

struct slot {
    volatile int state; /* enum slot_state */
    volatile pid_t pid; /* its worker, 0 when free */
    unsigned generation;
    volatile usec_t since; /* RUNNING: the request began; STARTING: it was forked */
    /* In bytes, because not all of them are a bool. */
    unsigned char overdue; /* it was asked for its tracebacks, because it is not ready in time */
    unsigned char doomed;  /* it is being killed, and the log says why */
    char request[SLOT_REQUEST_SIZE]; /* "METHOD target", "" until that is known */
    /* For the record of the request, if its worker cannot write it. */
    struct address client;
    char request_id[REQUEST_ID_SIZE];
    volatile unsigned char recorded; /* it has */
    volatile unsigned char exited;   /* it is in exit(3), which is not how workers end */
    /* Said by a worker that ends itself because of its deadline; 0: it did not. */
    volatile unsigned status;
    volatile uint64_t received, sent;
};

struct scoreboard {
    struct slot *slots; /* `size` of them, shared */
    size_t size;
    struct scoreboard_totals *totals; /* shared */
};

struct scoreboard_totals {
    volatile uint64_t served;     /* requests that have ended */
    volatile usec_t last_request; /* when the last one began or ended */
    volatile usec_t alive;        /* when the template last went through its loop */
    volatile usec_t told;         /* when the server last heard of changes */
};

/* Makes a scoreboard for `size` workers; processes forked later share it. Returns 0 or -errno. */
int scoreboard_init(struct scoreboard *board, size_t size);
void scoreboard_done(struct scoreboard *board);

/* Takes a free slot for a worker that is about to be forked. NULL when all are taken. Several
 * processes may do so at the same time. */
struct slot *scoreboard_take(struct scoreboard *board, unsigned generation);

/* The slot of a process, or NULL. */
struct slot *scoreboard_find(struct scoreboard *board, pid_t pid);

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
void slot_name(
    struct slot *slot, const char *request, const char *id, const struct address *client);

/* The request of the slot for the log, sane whatever was written there; in `buffer`. */
const char *slot_request(const struct slot *slot, char buffer[SLOT_REQUEST_SIZE]);

/* Likewise its ID ("" when it has none), and its client. */
const char *slot_request_id(const struct slot *slot, char buffer[REQUEST_ID_SIZE]);
void slot_client(const struct slot *slot, struct address *ret_client);
