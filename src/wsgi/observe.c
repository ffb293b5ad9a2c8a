#include "wsgi/observe.h"

#include "wsgi/object.h"

#include <string.h>

/* importlib asks its loader for the times of the source first, and takes one that cannot say them
 * (OSError) as one without bytecode; then it asks for the source. A loader is asked for other files
 * as well, such as resources of a package. Of a namespace package, which has no __init__.py and no
 * loader, nothing is read; but what may come into its directory counts, so that file is noted. */
static const char code[] =
    "def observe(note, own):\n"
    "    external = sys.modules['_frozen_importlib_external']\n"
    "    loader, finder = external.SourceFileLoader, external.PathFinder\n"
    "    os, site = sys.modules['os'], sys.modules.get('site')\n"
    "    installed = [os.path.dirname(os.__file__)]\n"
    "    if site:\n"
    "        installed += site.getsitepackages() + [site.USER_SITE or '']\n"
    "    installed = tuple(path + '/' for path in installed if path)\n"
    "    path_stats, get_data = loader.path_stats, loader.get_data\n"
    "    find_spec = finder.find_spec.__func__\n"
    "    def is_source(self, path):\n"
    "        return path == self.path and (\n"
    "            not path.startswith(installed) or self.name.partition('.')[0] == own)\n"
    "    def path_stats_of_others(self, path):\n"
    "        if is_source(self, path):\n"
    "            raise OSError('--reload: bytecode is not used')\n"
    "        return path_stats(self, path)\n"
    "    def get_observed_data(self, path):\n"
    "        if is_source(self, path):\n"
    "            note(path)\n"
    "        return get_data(self, path)\n"
    "    def find_observed_spec(cls, name, path=None, target=None):\n"
    "        spec = find_spec(cls, name, path, target)\n"
    "        if spec and not spec.loader:\n"
    "            for place in spec.submodule_search_locations or ():\n"
    "                if not place.startswith(installed):\n"
    "                    note(place + '/__init__.py')\n"
    "        return spec\n"
    "    finder.find_spec = classmethod(find_observed_spec)\n"
    "    loader.path_stats, loader.get_data = path_stats_of_others, get_observed_data\n";

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
    _cleanup_ref_ PyObject *globals = PyDict_New();
    _cleanup_ref_ PyObject *sys = PyImport_ImportModule("sys");

    if (!globals || !sys || PyDict_SetItemString(globals, "sys", sys) < 0 ||
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) < 0)
        return -1;
    _cleanup_ref_ PyObject *done = PyRun_String(code, Py_file_input, globals, globals);
    PyObject *function = done ? PyDict_GetItemString(globals, "observe") : NULL; /* borrowed */
    _cleanup_ref_ PyObject *capsule = PyCapsule_New(observer, NULL, NULL);
    _cleanup_ref_ PyObject *callback = capsule ? PyCFunction_New(methods, capsule) : NULL;
    _cleanup_ref_ PyObject *own = get_top_name(observer->application);
    _cleanup_ref_ PyObject *result = function && callback && own
        ? PyObject_CallFunctionObjArgs(function, callback, own, NULL)
        : NULL;
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
