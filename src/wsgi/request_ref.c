#include "wsgi/request_ref.h"

#include <errno.h>
#include <pythread.h>

int request_ref_init(struct request_ref *ref, void *target, struct conn *conn)
{
    ref->in_use = PyThread_allocate_lock();
    if (!ref->in_use) {
        PyErr_NoMemory();
        return -1;
    }
    ref->target = target;
    ref->conn = conn;
    ref->thread = PyThread_get_thread_ident();
    return 0;
}

void request_ref_done(struct request_ref *ref)
{
    if (ref->in_use)
        PyThread_free_lock(ref->in_use);
}

/* Only a thread other than the gateway's can still be waiting when the request ends. */
static int enable_cancel(struct request_ref *ref)
{
    int r = ref->thread == PyThread_get_thread_ident() ? 0 : conn_enable_cancel(ref->conn);

    if (r == 0)
        return 0;
    errno = -r;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

void *request_ref_acquire(struct request_ref *ref, const char *name)
{
    if (!ref->target)
        return PyErr_Format(PyExc_ValueError, "%s was used after the end of its request", name);
    if (!PyThread_acquire_lock(ref->in_use, NOWAIT_LOCK))
        return PyErr_Format(PyExc_RuntimeError, "%s is already in use", name);
    if (enable_cancel(ref) == 0)
        return ref->target;
    request_ref_release(ref);
    return NULL;
}

void request_ref_release(struct request_ref *ref)
{
    PyThread_release_lock(ref->in_use);
}

void request_ref_revoke(struct request_ref *ref)
{
    ref->target = NULL;
    if (!PyThread_acquire_lock(ref->in_use, NOWAIT_LOCK)) {
        conn_cancel(ref->conn);
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(ref->in_use, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    PyThread_release_lock(ref->in_use);
}
