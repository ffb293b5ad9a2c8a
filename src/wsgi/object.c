#include "wsgi/object.h"

#include <stdio.h>

/* One exception object instead of the triple exists since 3.12, where the old functions are
 * deprecated. */
#if PY_VERSION_HEX >= 0x030C0000

PyObject *exception_take(void)
{
    return PyErr_GetRaisedException();
}

void exception_restore(PyObject *exception)
{
    PyErr_SetRaisedException(exception);
}

void exception_print(PyObject *exception)
{
    if (exception)
        PyErr_DisplayException(exception);
    PyErr_Clear();
}

#else

PyObject *exception_take(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (!type)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    /* Without one, the value may still have that which the import system has taken from it. */
    PyException_SetTraceback(value, traceback ? traceback : Py_None);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    return value;
}

void exception_restore(PyObject *exception)
{
    Py_INCREF((PyObject *)Py_TYPE(exception));
    PyErr_Restore((PyObject *)Py_TYPE(exception), exception, PyException_GetTraceback(exception));
}

void exception_print(PyObject *exception)
{
    _cleanup_ref_ PyObject *traceback = exception ? PyException_GetTraceback(exception) : NULL;

    if (exception)
        PyErr_Display((PyObject *)Py_TYPE(exception), exception, traceback);
    PyErr_Clear();
}

#endif

char *exception_text(PyObject *exception)
{
    if (!exception)
        return NULL;

    _cleanup_ref_ PyObject *str = PyObject_Str(exception);
    _cleanup_ref_ PyObject *ascii =
        str ? PyUnicode_AsEncodedString(str, "ascii", "backslashreplace") : NULL;
    const char *text = ascii ? PyBytes_AsString(ascii) : NULL;
    char *line;

    PyErr_Clear();
    if (asprintf(&line, "%s%s%s", Py_TYPE(exception)->tp_name, text && *text ? ": " : "",
            text ? text : "") < 0)
        return NULL;
    for (char *c = line; *c; c++)
        if (*c < ' ' || *c == 0x7F)
            *c = ' ';
    return line;
}
