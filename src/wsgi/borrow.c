#include "wsgi/borrow.h"

#include <errno.h>
#include <pythread.h>

int borrow_init(struct borrow *borrow, void *lent, struct conn *conn)
{
    borrow->in_use = PyThread_allocate_lock();
    if (!borrow->in_use) {
        PyErr_NoMemory();
        return -1;
    }
    borrow->lent = lent;
    borrow->conn = conn;
    borrow->thread = PyThread_get_thread_ident();
    return 0;
}

void borrow_done(struct borrow *borrow)
{
    if (borrow->in_use)
        PyThread_free_lock(borrow->in_use);
}

/* Another thread than the gateway's may still be waiting when the request ends. */
static int prepare_wake(struct borrow *borrow)
{
    int r = borrow->thread == PyThread_get_thread_ident() ? 0 : conn_enable_cancel(borrow->conn);

    if (r == 0)
        return 0;
    errno = -r;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

void *borrow_begin(struct borrow *borrow, const char *what)
{
    if (!borrow->lent)
        return PyErr_Format(PyExc_ValueError, "%s was used after the end of its request", what);
    if (!PyThread_acquire_lock(borrow->in_use, NOWAIT_LOCK))
        return PyErr_Format(PyExc_RuntimeError, "%s is already in use", what);
    if (prepare_wake(borrow) == 0)
        return borrow->lent;
    borrow_end(borrow);
    return NULL;
}

void borrow_end(struct borrow *borrow)
{
    PyThread_release_lock(borrow->in_use);
}

void borrow_cut(struct borrow *borrow)
{
    borrow->lent = NULL;
    if (!PyThread_acquire_lock(borrow->in_use, NOWAIT_LOCK)) {
        conn_cancel(borrow->conn);
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(borrow->in_use, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    PyThread_release_lock(borrow->in_use);
}
