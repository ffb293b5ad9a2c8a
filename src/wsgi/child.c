#include "wsgi/child.h"

#include "wsgi/object.h"
#include "wsgi/python.h"

/* Converts the argument of sys.exit() to an exit status. Prints it if it is no number. */
static int exit_status(PyObject *code)
{
    if (!code || code == Py_None)
        return 0;
    if (PyLong_Check(code)) {
        int status = (int)PyLong_AsUnsignedLongMask(code);
        PyErr_Clear();
        return status;
    }
    PySys_FormatStderr("%S\n", code);
    return 1;
}

void child_exit_if_forked(pid_t server)
{
    if (getpid() == server)
        return;

    PyObject *exception = exception_take();
    int status = 0;
    if (exception && PyErr_GivenExceptionMatches(exception, PyExc_SystemExit))
        status = exit_status(PyObject_GetAttrString(exception, "code"));
    else if (exception) {
        exception_print(exception);
        status = 1;
    }
    python_end();
    python_flush();
    _exit(status);
}
