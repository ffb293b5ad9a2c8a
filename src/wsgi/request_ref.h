#pragma once

/* A reference from a Python object to a part of the current request. Internal to wsgi/.
 *
 * The app may keep wsgi.input and start_response for as long as it likes, and use them in its own
 * threads. The content and the reply that they work on live only until the end of the request, so
 * these objects reach them through a reference, which the gateway revokes then: a later use raises.
 * Each use is between request_ref_acquire and request_ref_release, by one thread at a time. All
 * functions need the GIL, which the caller may release between acquire and release.
 */

#include "net/conn.h"
#include "wsgi/object.h"

struct request_ref {
    void *target;         /* NULL once it is revoked */
    struct conn *conn;    /* the connection that a use may wait for */
    unsigned long thread; /* the gateway's */
    PyThread_type_lock in_use;
};

/* Makes a reference to an object that reads from this connection or sends to it; both are borrowed
 * until request_ref_revoke. Must run in the gateway's thread. Returns 0, or -1 with an exception.
 */
int request_ref_init(struct request_ref *ref, void *target, struct conn *conn);

/* Frees the lock. A reference that is all zeros is allowed. */
void request_ref_done(struct request_ref *ref);

/* Begins a use. Returns the target, or NULL with an exception that names the object `name`:
 * ValueError after the end of the request, RuntimeError if another use has not ended, OSError if
 * the system has no resources for the cancellation of waits. */
void *request_ref_acquire(struct request_ref *ref, const char *name);

/* Ends a use. */
void request_ref_release(struct request_ref *ref);

/* Revokes the reference. If another thread is using it, cancels what that thread waits for, and
 * waits without the GIL until the use has ended. */
void request_ref_revoke(struct request_ref *ref);
