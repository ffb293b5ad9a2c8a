#include "wsgi/helpers.h"

#include <stdio.h>
#include <string.h>

extern const char helpers_source[]; /* helpers.py, see the Makefile */

/* Copies the source of one function to the heap. Returns NULL with an exception. */
static char *copy_function(const char *name)
{
    _cleanup_(freep) char *definition = NULL;

    if (asprintf(&definition, "\ndef %s(", name) < 0)
        return (char *)PyErr_NoMemory();
    const char *start = strstr(helpers_source, definition);
    if (!start)
        return (char *)PyErr_Format(PyExc_SystemError, "there is no helper '%s'", name);
    const char *end = strstr(start, "\n\n\n");
    char *source = end ? strndup(start, (size_t)(end - start) + 1) : strdup(start);
    return source ? source : (char *)PyErr_NoMemory();
}

static PyObject *compile_function(const char *name)
{
    _cleanup_(freep) char *source = copy_function(name);
    char file[64]; /* for tracebacks */

    snprintf(file, sizeof(file), "<wsgi-once %s>", name);
    return source ? Py_CompileString(source, file, Py_file_input) : NULL;
}

PyObject *helper_call(const char *name, PyObject *first, PyObject *second)
{
    _cleanup_ref_ PyObject *code = compile_function(name);
    _cleanup_ref_ PyObject *globals =
        code ? Py_BuildValue("{s:O}", "__builtins__", PyEval_GetBuiltins()) : NULL;
    /* In a dictionary of its own, the function is not part of a reference cycle. */
    _cleanup_ref_ PyObject *functions = globals ? PyDict_New() : NULL;
    _cleanup_ref_ PyObject *done = functions ? PyEval_EvalCode(code, globals, functions) : NULL;

    if (!done)
        return NULL;
    return PyObject_CallFunctionObjArgs(PyDict_GetItemString(functions, name), first, second, NULL);
}

/* Encodes text like a file name, or readable for people if it cannot be one. */
static PyObject *encode_text(PyObject *text)
{
    PyObject *bytes = PyUnicode_EncodeFSDefault(text);

    if (bytes || !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return bytes;
    PyErr_Clear();
    return PyUnicode_AsEncodedString(text, "ascii", "backslashreplace");
}

char *helper_get_text(const char *name, PyObject *argument)
{
    _cleanup_ref_ PyObject *result = helper_call(name, argument, NULL);
    _cleanup_ref_ PyObject *bytes = result ? encode_text(result) : NULL;

    PyErr_Clear();
    return bytes && PyBytes_GET_SIZE(bytes) > 0 ? strdup(PyBytes_AS_STRING(bytes)) : NULL;
}
