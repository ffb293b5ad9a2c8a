#include "wsgi/object.h"

#include "base/printable.h"
#include "log/standard_error.h"

#include <stdio.h>
#include <unistd.h>

/* Since Python 3.12, an exception is one object instead of a triple, and the functions for the
 * triple are deprecated. */
#if PY_VERSION_HEX >= 0x030C0000

PyObject *exception_take(void)
{
    return PyErr_GetRaisedException();
}

void exception_restore(PyObject *exception)
{
    PyErr_SetRaisedException(exception);
}

static void exception_display(PyObject *exception)
{
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
    /* The value may have an older traceback, with the frames that the import system has since
     * removed. */
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

static void exception_display(PyObject *exception)
{
    _cleanup_ref_ PyObject *traceback = PyException_GetTraceback(exception);

    PyErr_Display((PyObject *)Py_TYPE(exception), exception, traceback);
    PyErr_Clear();
}

#endif

/* Replaces sys.stderr by a stream in memory, so that printing never blocks. Returns the stream, or
 * NULL if sys.stderr stays: the app has replaced it, or it is a terminal, for which Python adds
 * colours and where a person reads. */
static PyObject *replace_stderr(PyObject *stream)
{
    if (!stream || stream == Py_None || stream != PySys_GetObject("__stderr__") ||
        isatty(STDERR_FILENO))
        return NULL;
    _cleanup_ref_ PyObject *io = PyImport_ImportModule("io");
    PyObject *memory = io ? PyObject_CallMethod(io, "StringIO", NULL) : NULL;
    if (memory && PySys_SetObject("stderr", memory) < 0)
        Py_CLEAR(memory);
    PyErr_Clear();
    return memory;
}

static void write_text(PyObject *memory)
{
    _cleanup_ref_ PyObject *text = PyObject_CallMethod(memory, "getvalue", NULL);
    _cleanup_ref_ PyObject *bytes =
        text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;

    if (bytes)
        standard_error_write(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    PyErr_Clear();
}

void exception_print(PyObject *exception)
{
    PyObject *stream = PySys_GetObject("stderr");

    if (!exception)
        return;
    Py_XINCREF(stream);
    _cleanup_ref_ PyObject *memory = replace_stderr(stream);
    exception_display(exception);
    if (memory) {
        PySys_SetObject("stderr", stream);
        write_text(memory);
    }
    Py_XDECREF(stream);
}

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
    printable_replace(line, PRINTABLE_ASCII, ' ');
    return line;
}
