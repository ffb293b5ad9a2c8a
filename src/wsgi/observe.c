#include "wsgi/observe.h"

#include "wsgi/helpers.h"

#include <string.h>

static PyObject *call_note(PyObject *capsule, PyObject *path)
{
    const struct observer *observer = PyCapsule_GetPointer(capsule, NULL);
    PyObject *bytes = NULL;

    if (!observer || !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    observer->note(PyBytes_AS_STRING(bytes), observer->data);
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"note", call_note, METH_O, "note(path): a source file is about to be read."},
    {NULL, NULL, 0, NULL},
};

/* Gets the first part of the module's name: "shop" of "shop.views:app" and of "/srv/shop.py". */
static PyObject *get_top_name(const char *application)
{
    const char *slash = strrchr(application, '/'), *name = slash ? slash + 1 : application;

    return PyUnicode_DecodeFSDefaultAndSize(name, (Py_ssize_t)strcspn(name, ".:"));
}

static int start_observing(struct observer *observer)
{
    _cleanup_ref_ PyObject *capsule = PyCapsule_New(observer, NULL, NULL);
    _cleanup_ref_ PyObject *callback = capsule ? PyCFunction_New(methods, capsule) : NULL;
    _cleanup_ref_ PyObject *own = get_top_name(observer->application);
    _cleanup_ref_ PyObject *result = callback && own ? helper_call("observe", callback, own) : NULL;
    return result ? 0 : -1;
}

void observe_sources(struct observer *observer)
{
    PyGILState_STATE state = PyGILState_Ensure();

    if (start_observing(observer) < 0) {
        _cleanup_ref_ PyObject *exception = exception_take();
        exception_print(exception);
    }
    PyGILState_Release(state);
}
