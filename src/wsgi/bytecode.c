#include "wsgi/bytecode.h"

#include "wsgi/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum state { CURRENT, MISSING, STALE };

/* The header of a bytecode file (PEP 552): the magic number, flags, and then either the time of
 * modification and the size of the source, or its hash. Numbers are little-endian. */
enum { HEADER_SIZE = 16, STAMP_AT = 8, IS_HASHED = 1, CHECKS_HASH = 2 };

struct inspection {
    struct bytecode *bytecode;
    PyObject *loader_type; /* SourceFileLoader */
    PyObject *seen;        /* a set of bytecode files */
    PyObject *sources;     /* a list of source files to compile */
    bool must_force;       /* without -f, compileall would skip one of them */
};

void bytecode_done(struct bytecode *bytecode)
{
    free(bytecode->command);
}

/* ---- one file ------------------------------------------------------------------------------- */

static void header_put(unsigned char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t header_get(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Makes the header that Python writes for this source. Python converts the time from a float, which
 * may round up to the next second. */
static void header_expect(const struct stat *source, unsigned char header[HEADER_SIZE])
{
    double seconds = (double)source->st_mtim.tv_sec + 1e-9 * (double)source->st_mtim.tv_nsec;

    header_put(header, (uint32_t)PyImport_GetMagicNumber());
    header_put(header + 4, 0);
    header_put(header + STAMP_AT, (uint32_t)(int64_t)seconds);
    header_put(header + STAMP_AT + 4, (uint32_t)source->st_size);
}

/* Whether the hash in the header is that of the source. Returns 1, 0, or -1 with an exception. */
static int hash_matches(PyObject *loader, PyObject *source, const unsigned char *header)
{
    _cleanup_ref_ PyObject *imp = PyImport_ImportModule("_imp");
    _cleanup_ref_ PyObject *text =
        imp ? PyObject_CallMethod(loader, "get_data", "O", source) : NULL;
    _cleanup_ref_ PyObject *hash = text
        ? PyObject_CallMethod(imp, "source_hash", "kO", (unsigned long)header_get(header), text)
        : NULL;

    if (!hash)
        return -1;
    return PyBytes_Check(hash) && PyBytes_GET_SIZE(hash) == 8 &&
        memcmp(PyBytes_AS_STRING(hash), header + STAMP_AT, 8) == 0;
}

/* Whether Python compares the hash of a file with these flags (--check-hash-based-pycs). */
static bool must_check_hash(uint32_t flags)
{
    _cleanup_ref_ PyObject *imp = PyImport_ImportModule("_imp");
    _cleanup_ref_ PyObject *mode =
        imp ? PyObject_GetAttrString(imp, "check_hash_based_pycs") : NULL;

    PyErr_Clear();
    if (mode && PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, "default") != 0)
        return PyUnicode_CompareWithASCIIString(mode, "always") == 0;
    return flags & CHECKS_HASH;
}

static int header_read(const char *path, unsigned char header[HEADER_SIZE])
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return read(fd, header, HEADER_SIZE) == HEADER_SIZE ? 0 : -ENODATA;
}

/* Decides as SourceLoader.get_code() does. compileall compares only the first 12 bytes. */
static enum state find_state(struct inspection *inspection, PyObject *loader, PyObject *source,
    const char *source_path, const char *path)
{
    unsigned char header[HEADER_SIZE] = {0}, expected[HEADER_SIZE];
    struct stat status;

    if (stat(source_path, &status) < 0)
        return CURRENT; /* there is no source to compile */
    int r = header_read(path, header);
    if (r == -ENOENT || r == -ENOTDIR)
        return MISSING;
    header_expect(&status, expected);
    uint32_t flags = header_get(header + 4);
    if (r == 0 && memcmp(header, expected, HEADER_SIZE) == 0)
        return CURRENT;
    if (r == 0 && memcmp(header, expected, 4) == 0 && flags & IS_HASHED &&
        !(flags & ~(uint32_t)(IS_HASHED | CHECKS_HASH)) &&
        (!must_check_hash(flags) || hash_matches(loader, source, header) > 0))
        return CURRENT;
    if ((r < 0 && r != -ENODATA) || memcmp(header, expected, 12) == 0)
        inspection->must_force = true;
    return STALE;
}

/* ---- all modules ---------------------------------------------------------------------------- */

static int count_module(struct inspection *inspection, enum state state, PyObject *source)
{
    inspection->bytecode->modules++;
    if (state == MISSING)
        inspection->bytecode->missing++;
    else if (state == STALE)
        inspection->bytecode->stale++;
    return state == CURRENT ? 0 : PyList_Append(inspection->sources, source);
}

/* Checks only modules of SourceFileLoader itself, since a derived loader may have another cache.
 * The spec of a loader that does not cache has no `cached` file. */
static int inspect_spec(struct inspection *inspection, PyObject *spec)
{
    _cleanup_ref_ PyObject *loader = PyObject_GetAttrString(spec, "loader");
    if (!loader || (PyObject *)Py_TYPE(loader) != inspection->loader_type)
        return loader ? 0 : -1;
    _cleanup_ref_ PyObject *source = PyObject_GetAttrString(spec, "origin");
    _cleanup_ref_ PyObject *cached = source ? PyObject_GetAttrString(spec, "cached") : NULL;
    if (!cached || !PyUnicode_Check(source) || !PyUnicode_Check(cached))
        return cached ? 0 : -1;
    int is_seen = PySet_Contains(inspection->seen, cached);
    if (is_seen != 0 || PySet_Add(inspection->seen, cached) < 0)
        return is_seen > 0 ? 0 : -1;
    _cleanup_ref_ PyObject *source_path = PyUnicode_EncodeFSDefault(source);
    _cleanup_ref_ PyObject *path = source_path ? PyUnicode_EncodeFSDefault(cached) : NULL;
    if (!path)
        return -1;
    enum state state = find_state(
        inspection, loader, source, PyBytes_AS_STRING(source_path), PyBytes_AS_STRING(path));
    return count_module(inspection, state, source);
}

/* Reads the module's namespace instead of its attributes: access to an attribute would import a
 * module of importlib.util.LazyLoader. */
static void inspect_module(struct inspection *inspection, PyObject *module)
{
    PyObject *spec = PyModule_CheckExact(module)
        ? PyDict_GetItemString(PyModule_GetDict(module), "__spec__")
        : NULL; /* borrowed */

    if (!spec || spec == Py_None)
        return;
    Py_INCREF(spec);
    if (inspect_spec(inspection, spec) < 0)
        PyErr_Clear();
    Py_DECREF(spec);
}

/* ---- the command ---------------------------------------------------------------------------- */

static char *compose_command(const struct inspection *inspection)
{
    _cleanup_(freep) char *arguments =
        helper_get_text("get_compile_arguments", inspection->sources);
    char *command, *force = inspection->must_force ? " -f" : "";

    if (!arguments || asprintf(&command, "%s %s%s", PYTHON_EXECUTABLE, arguments, force) < 0)
        return NULL;
    return command;
}

static void inspect_modules(struct inspection *inspection)
{
    struct bytecode *bytecode = inspection->bytecode;
    _cleanup_ref_ PyObject *modules = PyDict_Values(PyImport_GetModuleDict());

    for (Py_ssize_t i = 0; modules && i < PyList_GET_SIZE(modules); i++)
        inspect_module(inspection, PyList_GET_ITEM(modules, i));
    if (bytecode->missing + bytecode->stale > 0)
        bytecode->command = compose_command(inspection);
}

static void inspect_all(struct bytecode *bytecode)
{
    _cleanup_ref_ PyObject *importlib = PyImport_ImportModule("_frozen_importlib_external");
    _cleanup_ref_ PyObject *loader_type =
        importlib ? PyObject_GetAttrString(importlib, "SourceFileLoader") : NULL;
    _cleanup_ref_ PyObject *seen = PySet_New(NULL), *sources = PyList_New(0);

    if (loader_type && seen && sources)
        inspect_modules(&(struct inspection){bytecode, loader_type, seen, sources, false});
    PyErr_Clear();
}

void bytecode_inspect(struct bytecode *ret)
{
    PyGILState_STATE state = PyGILState_Ensure();

    *ret = (struct bytecode){0};
    inspect_all(ret);
    PyGILState_Release(state);
}
