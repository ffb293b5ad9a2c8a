#include "wsgi/evaluate.h"

#include <stdbool.h>
#include <string.h>

/* As file names are written; what those cannot hold is for people only. */
static PyObject *encode(PyObject *text)
{
    PyObject *bytes = PyUnicode_EncodeFSDefault(text);

    if (bytes || !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return bytes;
    PyErr_Clear();
    return PyUnicode_AsEncodedString(text, "ascii", "backslashreplace");
}

char *evaluate(const char *expression, PyObject *object)
{
    _cleanup_ref_ PyObject *globals = PyDict_New();
    _cleanup_ref_ PyObject *sys = PyImport_ImportModule("sys");
    bool ready = globals && sys && PyDict_SetItemString(globals, "sys", sys) == 0 &&
        PyDict_SetItemString(globals, "object", object ? object : Py_None) == 0 &&
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0;
    _cleanup_ref_ PyObject *result =
        ready ? PyRun_String(expression, Py_eval_input, globals, globals) : NULL;
    _cleanup_ref_ PyObject *bytes = result ? encode(result) : NULL;

    PyErr_Clear();
    if (!bytes || PyBytes_GET_SIZE(bytes) == 0)
        return NULL;
    size_t size = (size_t)PyBytes_GET_SIZE(bytes) + 1;
    char *text = malloc(size);
    return text ? memcpy(text, PyBytes_AS_STRING(bytes), size) : NULL;
}
