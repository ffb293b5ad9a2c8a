#include "wsgi/application.h"

#include "base/problem.h"
#include "wsgi/app_file.h"
#include "wsgi/child.h"
#include "wsgi/helpers.h"
#include "wsgi/object.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* The parts of "module:callable". The strings are on the heap. */
struct name {
    char *module;   /* a dotted name or a path */
    char *callable; /* a dotted name, or NULL */
    bool is_file;
    bool is_factory; /* "()" followed the callable */
};

static void name_done(struct name *name)
{
    free(name->module);
    free(name->callable);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* "blog.wsgi:application" is ambiguous: it names a module in Django projects, or the file blog.wsgi
 * if that exists. */
static bool is_file(const struct name *name)
{
    if (strchr(name->module, '/') || ends_with(name->module, ".py"))
        return true;
    return ends_with(name->module, ".wsgi") && (!name->callable || access(name->module, F_OK) == 0);
}

static int name_parse(const char *text, struct name *ret, struct problem *ret_problem)
{
    const char *colon = strrchr(text, ':');
    if (colon && strchr(colon, '/')) /* part of the name of a directory */
        colon = NULL;
    size_t size = colon ? (size_t)(colon - text) : strlen(text);

    ret->module = strndup(text, size);
    ret->callable = colon ? strdup(colon + 1) : NULL;
    if (!ret->module || (colon && !ret->callable))
        return problem_set(ret_problem, EX_OSERR, "out of memory");
    if (ret->callable && ends_with(ret->callable, "()")) {
        ret->is_factory = true;
        ret->callable[strlen(ret->callable) - 2] = '\0';
    }
    ret->is_file = is_file(ret);
    if (ret->module[0] == '\0' || (ret->callable && ret->callable[0] == '\0'))
        return problem_set(ret_problem, EX_CONFIG,
            "'%s' is not an application: use module:callable, module:factory() or a file", text);
    return 0;
}

/* ---- import --------------------------------------------------------------------------------- */

static int prepend_to_path(const char *directory, size_t size)
{
    PyObject *path = PySys_GetObject("path"); /* borrowed */
    _cleanup_ref_ PyObject *entry = PyUnicode_DecodeFSDefaultAndSize(directory, (Py_ssize_t)size);

    if (!path)
        PyErr_SetString(PyExc_RuntimeError, "lost sys.path");
    return path && entry ? PyList_Insert(path, 0, entry) : -1;
}

/* Called after the app's own directory was prepended, so these directories precede it. */
static int prepend_source_path(const struct application_source *source)
{
    for (size_t i = source->n_path; i > 0; i--)
        if (prepend_to_path(source->path[i - 1], strlen(source->path[i - 1])) < 0)
            return -1;
    return 0;
}

static PyObject *import_module(const char *module, const struct application_source *source)
{
    _cleanup_(freep) char *directory = getcwd(NULL, 0);

    if (!directory)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (prepend_to_path(directory, strlen(directory)) < 0 || prepend_source_path(source) < 0)
        return NULL;
    return PyImport_ImportModule(module);
}

static PyObject *import_file(const char *file, const struct application_source *source)
{
    _cleanup_(freep) char *directory = getcwd(NULL, 0), *path = NULL;
    bool is_absolute = file[0] == '/';

    if (!directory)
        return PyErr_SetFromErrno(PyExc_OSError);
    while (strncmp(file, "./", 2) == 0)
        file += 2;
    if (asprintf(&path, "%s%s%s", is_absolute ? "" : directory, is_absolute ? "" : "/", file) < 0)
        return PyErr_NoMemory();
    size_t directory_size = (size_t)(strrchr(path, '/') - path);
    if (prepend_to_path(path, directory_size > 0 ? directory_size : 1) < 0 ||
        prepend_source_path(source) < 0)
        return NULL;
    return app_file_import(path);
}

/* ---- callable ------------------------------------------------------------------------------- */

/* Gets the attribute with a dotted name. New reference, or NULL with an exception. */
static PyObject *get_dotted(PyObject *object, const char *name)
{
    Py_INCREF(object);
    while (object) {
        size_t size = strcspn(name, ".");
        _cleanup_ref_ PyObject *part = PyUnicode_DecodeUTF8(name, (Py_ssize_t)size, NULL);
        PyObject *attribute = part ? PyObject_GetAttr(object, part) : NULL;
        Py_DECREF(object);
        object = attribute;
        if (name[size] == '\0')
            break;
        name += size + 1;
    }
    return object;
}

static PyObject *get_default(PyObject *module)
{
    static const char *const names[] = {"application", "app"};

    for (size_t i = 0; i < 2; i++) {
        PyObject *object = PyObject_GetAttrString(module, names[i]);
        if (object || !PyErr_ExceptionMatches(PyExc_AttributeError))
            return object;
        PyErr_Clear();
    }
    return PyErr_Format(PyExc_AttributeError, "%R has neither 'application' nor 'app'", module);
}

static PyObject *load_callable(const struct name *name, const struct application_source *source)
{
    _cleanup_ref_ PyObject *module =
        name->is_file ? import_file(name->module, source) : import_module(name->module, source);
    if (!module)
        return NULL;
    _cleanup_ref_ PyObject *callable =
        name->callable ? get_dotted(module, name->callable) : get_default(module);
    if (callable && name->is_factory) {
        PyObject *made = PyObject_CallObject(callable, NULL);
        Py_DECREF(callable);
        callable = made;
    }
    if (callable && !PyCallable_Check(callable))
        return PyErr_Format(
            PyExc_TypeError, "the application is not callable: %R", (PyObject *)Py_TYPE(callable));
    return take_ref(&callable);
}

/* Exempts the objects of the import from garbage collection (see python_freeze), then enables it.
 */
static int start_collecting(void)
{
    _cleanup_ref_ PyObject *gc = PyImport_ImportModule("gc");
    _cleanup_ref_ PyObject *frozen = gc ? PyObject_CallMethod(gc, "freeze", NULL) : NULL;
    _cleanup_ref_ PyObject *enabled = frozen ? PyObject_CallMethod(gc, "enable", NULL) : NULL;
    return enabled ? 0 : -1;
}

static int report_exception(const char *text, struct problem *ret_problem)
{
    _cleanup_ref_ PyObject *exception = exception_take();
    _cleanup_(freep) char *reason = exception_text(exception);

    exception_print(exception);
    return problem_set(ret_problem, EX_SOFTWARE, "cannot load the application '%s': %s", text,
        reason ? reason : "");
}

int application_load(
    const struct application_source *source, struct application *ret, struct problem *ret_problem)
{
    _cleanup_(name_done) struct name name = {0};
    int r = name_parse(source->name, &name, ret_problem);
    if (r != 0)
        return r;

    PyGILState_STATE state = PyGILState_Ensure();
    pid_t server = getpid();
    PyObject *callable = load_callable(&name, source);
    child_exit_if_forked(server);
    if (callable && start_collecting() == 0)
        ret->callable = callable;
    else
        r = report_exception(source->name, ret_problem);
    PyGILState_Release(state);
    return r;
}

char *application_describe(const struct application *application)
{
    PyGILState_STATE state = PyGILState_Ensure();
    char *text = helper_get_text("describe_app", application->callable);
    PyGILState_Release(state);
    return text;
}
