#include "wsgi/borrow.h"

#include <pythread.h>
#include <sys/socket.h>

int borrow_init(struct borrow *borrow, void *lent)
{
    borrow->in_use = PyThread_allocate_lock();
    if (!borrow->in_use) {
        PyErr_NoMemory();
        return -1;
    }
    borrow->lent = lent;
    return 0;
}

void borrow_done(struct borrow *borrow)
{
    if (borrow->in_use)
        PyThread_free_lock(borrow->in_use);
}

void *borrow_begin(struct borrow *borrow, const char *what)
{
    if (!borrow->lent)
        return PyErr_Format(PyExc_ValueError, "%s was used after the end of its request", what);
    if (!PyThread_acquire_lock(borrow->in_use, NOWAIT_LOCK))
        return PyErr_Format(PyExc_RuntimeError, "%s is in use by another thread", what);
    return borrow->lent;
}

void borrow_end(struct borrow *borrow)
{
    PyThread_release_lock(borrow->in_use);
}

void borrow_cut(struct borrow *borrow, int socket, int how)
{
    borrow->lent = NULL;
    if (!PyThread_acquire_lock(borrow->in_use, NOWAIT_LOCK)) {
        shutdown(socket, how);
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(borrow->in_use, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    PyThread_release_lock(borrow->in_use);
}
