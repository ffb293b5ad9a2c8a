#pragma once

/* The scoreboard: what each worker is doing. All processes of a server share this memory.
 *
 * It outlives the workers, so that the request of a worker that died can still be named. It has two
 * parts, because code of the app can write to all memory of its process.
 *
 * Slots and totals: the server and its templates act on these. A worker can access them only until
 * its request begins. Before that, scoreboard_shield protects them from the import, and no other
 * code of the app runs except fork hooks. See also scoreboard_unmap_slots.
 *
 * Reports: what workers report about their requests. They stay mapped in a worker, which writes
 * only to its own. A worker whose memory is corrupt may have written anything there, so reports are
 * for the log and for nothing else.
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

/* Changed counts are reported to the server, and to systemd, at most once in this time. */
#define SCOREBOARD_REPORT_INTERVAL USEC_PER_SEC

/* The room for "METHOD target" of a request. */
enum { SLOT_REQUEST_SIZE = 256 };

struct slot {
    volatile int state; /* enum slot_state */
    volatile pid_t pid; /* of the worker; 0 when the slot is free, or the fork is still to come */
    unsigned template_number; /* of the template that forks the worker */
    volatile usec_t since;    /* RUNNING: when the request began; STARTING: when it was forked */
    volatile bool dumped;     /* not ready in time: the first step of escalation.h was taken */
    volatile bool killed;     /* it is being killed, and the reason is logged */
};

struct report {
    char request[SLOT_REQUEST_SIZE]; /* "METHOD target", "" until that is known */
    /* For the access record, if the worker cannot write that itself. */
    struct address client;
    char request_id[REQUEST_ID_SIZE];
    /* Flags are bytes, because the worker may write any value, and not each is a valid bool. */
    volatile unsigned char recorded; /* the worker has written the access record */
    volatile unsigned char done;     /* it has finished its request, and is about to exit */
    volatile unsigned char exited;   /* it is in exit(3), which workers do not call */
    /* Set when the worker ends itself because of its deadline; else 0. */
    volatile unsigned status;
    volatile uint64_t received, sent;
};

struct scoreboard_totals {
    volatile uint64_t served;       /* requests that have ended */
    volatile usec_t last_request;   /* when one last began or ended */
    volatile usec_t template_alive; /* when a template last completed a round of its loop */
    volatile usec_t reported;       /* when changes were last reported to the server */
};

/* Everything except `size` is shared. */
struct scoreboard {
    size_t size;
    struct scoreboard_totals *totals;
    struct slot *slots;     /* `size` of them, in the same mapping as the totals */
    struct report *reports; /* one for each slot */
};

/* Makes a scoreboard for `size` workers, shared with processes that are forked later. Returns 0 or
 * -errno. */
int scoreboard_init(struct scoreboard *board, size_t size);
void scoreboard_done(struct scoreboard *board);

/* Protects slots and totals while the app is imported: neither this process nor those that it forks
 * can access them while `shielded`. */
void scoreboard_shield(const struct scoreboard *board, bool shielded);

/* Removes slots and totals from this process, whose request begins. */
void scoreboard_unmap_slots(const struct scoreboard *board);

/* Takes a free slot, and clears its report, for a worker that is about to be forked. Returns NULL
 * when all are taken. Safe when several processes call it at the same time. */
struct slot *scoreboard_take(struct scoreboard *board, unsigned template_number);

/* The slot of a process, or NULL. */
struct slot *scoreboard_find(const struct scoreboard *board, pid_t pid);

/* The report that belongs to a slot. */
struct report *scoreboard_report(const struct scoreboard *board, const struct slot *slot);

/* How many workers of a template (0: of all templates) are in a state from `first` to `last`. */
size_t scoreboard_count(const struct scoreboard *board, enum slot_state first, enum slot_state last,
    unsigned template_number);

/* Atomically changes the state if it is `from`. Returns whether it was: of two processes that try
 * the same change, one succeeds. */
bool slot_change(struct slot *slot, enum slot_state from, enum slot_state to);

/* Records that the worker's request begins now. */
void scoreboard_begin(struct scoreboard *board, struct slot *slot);

/* Frees the slot of a worker that has exited, or was never forked. */
void scoreboard_release(struct slot *slot);

/* Sets what is known with the request line: "METHOD target" (cut to fit), the request ID, the
 * client. */
void report_set_request(
    struct report *report, const char *request, const char *id, const struct address *client);

/* Fields of a report for the log, made safe whatever the worker wrote there: the request, copied to
 * `buffer`, or "a request" when there is none; its ID, copied to `buffer`, or ""; the client; the
 * status of the response, or 0 when that is not known. */
const char *report_request(const struct report *report, char buffer[SLOT_REQUEST_SIZE]);
const char *report_request_id(const struct report *report, char buffer[REQUEST_ID_SIZE]);
void report_client(const struct report *report, struct address *ret_client);
unsigned report_status(const struct report *report);
