#pragma once

/* What a Python object borrows from the request under way. Internal to wsgi/.
 *
 * The app may keep wsgi.input and start_response for as long as it likes and use them from its own
 * threads; what they work on lives only until the request has ended. Each use is between
 * borrow_begin and borrow_end, one thread at a time, and the gateway cuts the object off at the
 * end: later uses raise. All functions need the GIL; it may be given up between begin and end.
 */

#include "net/conn.h"
#include "wsgi/object.h"

struct borrow {
    void *lent;           /* NULL once it was cut off */
    struct conn *conn;    /* what it waits for when it is used */
    unsigned long thread; /* that of the gateway */
    PyThread_type_lock in_use;
};

/* Lends an object that reads from, or sends to, this connection. Called in the gateway's thread.
 * Returns 0, or -1 with an exception. */
int borrow_init(struct borrow *borrow, void *lent, struct conn *conn);

/* Frees the lock. Knows a borrow that was zeroed. */
void borrow_done(struct borrow *borrow);

/* Begins a use. Returns what was lent, or NULL with an exception: ValueError after the end of the
 * request, RuntimeError while it is in use already. `what` names it there. */
void *borrow_begin(struct borrow *borrow, const char *what);

/* Ends a use. */
void borrow_end(struct borrow *borrow);

/* Cuts it off. A thread that is in the middle of a use is woken, and waited for. */
void borrow_cut(struct borrow *borrow);
