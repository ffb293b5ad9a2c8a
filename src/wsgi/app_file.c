#include "wsgi/app_file.h"

#include <stdbool.h>
#include <string.h>

static const char main_name[] = "__mp_main__";

/* Calls a function of importlib. Its parts are frozen into the interpreter and always imported, so
 * this avoids the cost of `import importlib`. */
static PyObject *call_importlib(
    const char *part, const char *function, PyObject *first, PyObject *second)
{
    _cleanup_ref_ PyObject *module = PyImport_ImportModule(part);
    return module ? PyObject_CallMethod(module, function, "OO", first, second) : NULL;
}

static PyObject *spec_new(PyObject *name, PyObject *loader)
{
    return call_importlib("_frozen_importlib", "spec_from_loader", name, loader);
}

/* ---- __main__ ------------------------------------------------------------------------------- */

/* A new process of multiprocessing first runs the file of the parent's module __main__ under the
 * name __mp_main__, unless the spec of __main__ has a name. The import of multiprocessing makes
 * __mp_main__ an alias of __main__. So __main__ becomes a second module with the namespace of the
 * app's file, and with a spec that has no name. */

static PyObject *get_spec(PyObject *module, void *data)
{
    (void)data;
    return PyObject_GetAttrString((PyObject *)Py_TYPE(module), "_nameless_spec");
}

/* The same as that of a module. But a type with another tp_getattro function is not specialized as
 * a module by the bytecode interpreter of Python 3.14, which would search the namespace only and so
 * miss __spec__. */
static PyObject *get_attribute(PyObject *module, PyObject *name)
{
    return PyModule_Type.tp_getattro(module, name);
}

static PyObject *nameless_spec_new(PyObject *loader)
{
    _cleanup_ref_ PyObject *name = PyUnicode_FromString(main_name);
    _cleanup_ref_ PyObject *spec = name ? spec_new(name, loader) : NULL;

    return spec && PyObject_SetAttrString(spec, "name", Py_None) == 0 ? take_ref(&spec) : NULL;
}

static PyObject *main_type_new(PyObject *loader)
{
    static PyGetSetDef attributes[] = {{"__spec__", get_spec, NULL, NULL, NULL}, {0}};
    static PyType_Slot slots[] = {
        {Py_tp_getset, attributes}, {Py_tp_getattro, (void *)get_attribute}, {0, NULL}};
    static PyType_Spec definition = {
        .name = "wsgi_once.module", .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    _cleanup_ref_ PyObject *bases = PyTuple_Pack(1, (PyObject *)&PyModule_Type);
    _cleanup_ref_ PyObject *type = bases ? PyType_FromSpecWithBases(&definition, bases) : NULL;
    _cleanup_ref_ PyObject *spec = type ? nameless_spec_new(loader) : NULL;

    if (!spec || PyObject_SetAttrString(type, "_nameless_spec", spec) < 0)
        return NULL;
    return take_ref(&type);
}

static int replace_main(PyObject *loader, PyObject *module)
{
    _cleanup_ref_ PyObject *type = main_type_new(loader);
    _cleanup_ref_ PyObject *main = type ? PyObject_CallFunction(type, "s", "__main__") : NULL;
    PyObject *namespace = PyModule_GetDict(module); /* borrowed */

    if (!main || !namespace || PyObject_GenericSetDict(main, namespace, NULL) < 0)
        return -1;
    return PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", main);
}

/* ---- the loader ----------------------------------------------------------------------------- */

/* loader.exec_module(module), which makes the module __main__ as well. */
static PyObject *execute_as_main(PyObject *loader, PyObject *module)
{
    if (replace_main(loader, module) < 0)
        return NULL;
    return PyObject_CallMethod((PyObject *)Py_TYPE(loader), "exec_module", "OO", loader, module);
}

/* loader.get_code(name), without the bytecode cache. */
static PyObject *compile_source(PyObject *loader, PyObject *name)
{
    (void)name;
    _cleanup_ref_ PyObject *path = PyObject_GetAttrString(loader, "path");
    _cleanup_ref_ PyObject *source =
        path ? PyObject_CallMethod(loader, "get_data", "O", path) : NULL;
    return source ? PyObject_CallMethod(loader, "source_to_code", "OO", source, path) : NULL;
}

/* Replaces a method of this loader object only. */
static int replace_method(PyObject *loader, PyMethodDef *definition)
{
    _cleanup_ref_ PyObject *method = PyCFunction_New(definition, loader);
    return method ? PyObject_SetAttrString(loader, definition->ml_name, method) : -1;
}

/* Only a .py file is cached: the name of a cache file has no suffix, so app.wsgi and app.py would
 * overwrite the bytecode of each other. */
static PyObject *loader_new(PyObject *name, PyObject *path, bool is_cached)
{
    static PyMethodDef exec_module = {"exec_module", execute_as_main, METH_O, NULL};
    static PyMethodDef get_code = {"get_code", compile_source, METH_O, NULL};
    bool is_main = PyUnicode_CompareWithASCIIString(name, main_name) == 0;
    _cleanup_ref_ PyObject *loader =
        call_importlib("_frozen_importlib_external", "SourceFileLoader", name, path);

    if (!loader || (is_main && replace_method(loader, &exec_module) < 0) ||
        (!is_cached && replace_method(loader, &get_code) < 0))
        return NULL;
    return take_ref(&loader);
}

/* ---- the finder ----------------------------------------------------------------------------- */

/* finder.find_spec(name, path, target). The finder removes itself from sys.meta_path before the
 * app's code runs. */
static PyObject *finder_find_spec(PyObject *finder, PyObject *arguments)
{
    PyObject *requested =
        PyTuple_GET_SIZE(arguments) > 0 ? PyTuple_GET_ITEM(arguments, 0) : Py_None;
    _cleanup_ref_ PyObject *spec = PyObject_GetAttrString(finder, "spec");
    _cleanup_ref_ PyObject *name = spec ? PyObject_GetAttrString(spec, "name") : NULL;
    int is_match = name ? PyObject_RichCompareBool(name, requested, Py_EQ) : -1;

    if (is_match < 0)
        return NULL;
    if (!is_match)
        Py_RETURN_NONE;
    PyObject *finders = PySys_GetObject("meta_path"); /* borrowed */
    _cleanup_ref_ PyObject *removed =
        finders ? PyObject_CallMethod(finders, "remove", "O", finder) : NULL;
    return removed ? take_ref(&spec) : NULL;
}

/* The finder is a module, which is the simplest object that can have C functions. */
static PyObject *finder_new(PyObject *spec)
{
    static PyMethodDef functions[] = {{"find_spec", finder_find_spec, METH_VARARGS, NULL}, {0}};
    static PyModuleDef definition = {
        PyModuleDef_HEAD_INIT,
        .m_name = "wsgi_once",
        .m_size = -1,
        .m_methods = functions,
    };
    _cleanup_ref_ PyObject *finder = PyModule_Create(&definition);

    return finder && PyObject_SetAttrString(finder, "spec", spec) == 0 ? take_ref(&finder) : NULL;
}

/* Uses Python's import for the rest: locks, sys.modules, the cleanup after a failure, tracebacks
 * without the frames of the import system. */
static PyObject *import_by_spec(PyObject *name, PyObject *spec)
{
    PyObject *finders = PySys_GetObject("meta_path"); /* borrowed */
    _cleanup_ref_ PyObject *finder = finder_new(spec);

    if (finder && !finders)
        PyErr_SetString(PyExc_RuntimeError, "lost sys.meta_path");
    if (!finder || !finders || PyList_Insert(finders, 0, finder) < 0)
        return NULL;
    return PyImport_Import(name);
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Gets the name of the file's module: __mp_main__ if no import statement could name the file,
 * because it has a suffix other than .py, or another dot. */
static PyObject *module_name(const char *path)
{
    const char *base = strrchr(path, '/') + 1, *dot = strchr(base, '.');

    if (dot && dot > base && strcmp(dot, ".py") == 0)
        return PyUnicode_DecodeFSDefaultAndSize(base, dot - base);
    return PyUnicode_FromString(main_name);
}

PyObject *app_file_import(const char *path)
{
    size_t size = strlen(path);
    bool is_cached = size > 3 && strcmp(path + size - 3, ".py") == 0;
    _cleanup_ref_ PyObject *name = module_name(path);
    _cleanup_ref_ PyObject *python_path = PyUnicode_DecodeFSDefault(path);

    if (!name || !python_path)
        return NULL;
    if (PyDict_Contains(PyImport_GetModuleDict(), name) != 0)
        return PyErr_Format(
            PyExc_ImportError, "a module named %R is already imported: rename the file", name);
    _cleanup_ref_ PyObject *loader = loader_new(name, python_path, is_cached);
    _cleanup_ref_ PyObject *spec = loader ? spec_new(name, loader) : NULL;
    return spec ? import_by_spec(name, spec) : NULL;
}
