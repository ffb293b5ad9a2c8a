#include "wsgi/bytecode.h"

#include "wsgi/evaluate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum state { CURRENT, MISSING, STALE };

/* How a file of bytecode begins (PEP 552): the magic number, flags, then the source's time of
 * modification and size, or its hash. Numbers are little-endian. */
enum { HEADER_SIZE = 16, STAMP_AT = 8, IS_HASHED = 1, CHECKS_HASH = 2 };

struct inspection {
    struct bytecode *bytecode;
    PyObject *loader_type; /* SourceFileLoader */
    PyObject *seen;        /* a set of files of bytecode */
    PyObject *sources;     /* a list: what is to be compiled */
    bool must_force;       /* compileall would take something for current */
};

void bytecode_done(struct bytecode *bytecode)
{
    free(bytecode->command);
}

/* ---- one file ------------------------------------------------------------------------------- */

static void put_number(unsigned char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t get_number(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* What Python writes for this source. It takes the seconds from a float, which may be rounded up.
 */
static void expect_header(const struct stat *source, unsigned char header[HEADER_SIZE])
{
    double seconds = (double)source->st_mtim.tv_sec + 1e-9 * (double)source->st_mtim.tv_nsec;

    put_number(header, (uint32_t)PyImport_GetMagicNumber());
    put_number(header + 4, 0);
    put_number(header + STAMP_AT, (uint32_t)(int64_t)seconds);
    put_number(header + STAMP_AT + 4, (uint32_t)source->st_size);
}

/* Whether the hash in the header is that of the source: 1, 0, or -1 with an exception. */
static int is_hash_right(PyObject *loader, PyObject *source, const unsigned char *header)
{
    _cleanup_ref_ PyObject *imp = PyImport_ImportModule("_imp");
    _cleanup_ref_ PyObject *text =
        imp ? PyObject_CallMethod(loader, "get_data", "O", source) : NULL;
    _cleanup_ref_ PyObject *hash = text
        ? PyObject_CallMethod(imp, "source_hash", "kO", (unsigned long)get_number(header), text)
        : NULL;

    if (!hash)
        return -1;
    return PyBytes_Check(hash) && PyBytes_GET_SIZE(hash) == 8 &&
        memcmp(PyBytes_AS_STRING(hash), header + STAMP_AT, 8) == 0;
}

/* Whether hashes that ask for it, or all of them, are compared (--check-hash-based-pycs). */
static bool compares_hash(uint32_t flags)
{
    _cleanup_(freep) char *mode = evaluate("sys.modules['_imp'].check_hash_based_pycs", NULL);

    if (mode && strcmp(mode, "default") != 0)
        return strcmp(mode, "always") == 0;
    return flags & CHECKS_HASH;
}

static int read_header(const char *path, unsigned char header[HEADER_SIZE])
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return read(fd, header, HEADER_SIZE) == HEADER_SIZE ? 0 : -ENODATA;
}

/* As SourceLoader.get_code(). compileall looks at the first 12 bytes only. */
static enum state judge(struct inspection *inspection, PyObject *loader, PyObject *source,
    const char *source_path, const char *path)
{
    unsigned char header[HEADER_SIZE] = {0}, expected[HEADER_SIZE];
    struct stat status;

    if (stat(source_path, &status) < 0)
        return CURRENT; /* there is nothing that could be compiled */
    int r = read_header(path, header);
    if (r == -ENOENT || r == -ENOTDIR)
        return MISSING;
    expect_header(&status, expected);
    uint32_t flags = get_number(header + 4);
    if (r == 0 && memcmp(header, expected, HEADER_SIZE) == 0)
        return CURRENT;
    if (r == 0 && memcmp(header, expected, 4) == 0 && flags & IS_HASHED &&
        !(flags & ~(uint32_t)(IS_HASHED | CHECKS_HASH)) &&
        (!compares_hash(flags) || is_hash_right(loader, source, header) > 0))
        return CURRENT;
    if ((r < 0 && r != -ENODATA) || memcmp(header, expected, 12) == 0)
        inspection->must_force = true;
    return STALE;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int count(struct inspection *inspection, enum state state, PyObject *source)
{
    inspection->bytecode->modules++;
    if (state == MISSING)
        inspection->bytecode->missing++;
    else if (state == STALE)
        inspection->bytecode->stale++;
    return state == CURRENT ? 0 : PyList_Append(inspection->sources, source);
}

/* What this loader itself has loaded: those that derive from it have caches of their own. One that
 * does not cache has a spec without the name of a cache file. */
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
    enum state state =
        judge(inspection, loader, source, PyBytes_AS_STRING(source_path), PyBytes_AS_STRING(path));
    return count(inspection, state, source);
}

/* Without asking the module for attributes, which may be an affair of its own: one that
 * importlib.util.LazyLoader has not loaded yet would load itself. */
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

/* A directory of sys.path stands for all that is to be compiled in it. */
static char *find_arguments(PyObject *sources)
{
    return evaluate(
        "(lambda quote, roots: ' '.join("
        "    (['-' + sys.flags.optimize * 'O'] if sys.flags.optimize else []) +"
        "    (['-X', quote('pycache_prefix=' + sys.pycache_prefix)]"
        "        if sys.pycache_prefix else []) +"
        "    ['-m', 'compileall', '-q'] +"
        "    [quote(root) for root in sorted(roots)"
        "        if not any(root.startswith(other + '/') for other in roots)]))("
        "lambda text: text if text.translate({ord(c): '_' for c in '/.-+=,:@0123456789'})"
        "        .isidentifier() else \"'\" + text.replace(\"'\", \"'\\\\''\") + \"'\","
        "{max([entry.rstrip('/') for entry in sys.path if isinstance(entry, str)"
        "        and entry.rstrip('/') and file.startswith(entry.rstrip('/') + '/')],"
        "    key=len, default=file.rpartition('/')[0] or '/') for file in object})",
        sources);
}

static char *write_command(const struct inspection *inspection)
{
    _cleanup_(freep) char *arguments = find_arguments(inspection->sources);
    char *command, *force = inspection->must_force ? " -f" : "";

    if (!arguments || asprintf(&command, "%s %s%s", PYTHON_EXECUTABLE, arguments, force) < 0)
        return NULL;
    return command;
}

static void inspect(struct inspection *inspection)
{
    struct bytecode *bytecode = inspection->bytecode;
    _cleanup_ref_ PyObject *modules = PyDict_Values(PyImport_GetModuleDict());

    for (Py_ssize_t i = 0; modules && i < PyList_GET_SIZE(modules); i++)
        inspect_module(inspection, PyList_GET_ITEM(modules, i));
    if (bytecode->missing + bytecode->stale > 0)
        bytecode->command = write_command(inspection);
}

static void prepare_and_inspect(struct bytecode *bytecode)
{
    _cleanup_ref_ PyObject *importlib = PyImport_ImportModule("_frozen_importlib_external");
    _cleanup_ref_ PyObject *loader_type =
        importlib ? PyObject_GetAttrString(importlib, "SourceFileLoader") : NULL;
    _cleanup_ref_ PyObject *seen = PySet_New(NULL), *sources = PyList_New(0);

    if (loader_type && seen && sources)
        inspect(&(struct inspection){bytecode, loader_type, seen, sources, false});
    PyErr_Clear();
}

void bytecode_inspect(struct bytecode *ret)
{
    PyGILState_STATE state = PyGILState_Ensure();

    *ret = (struct bytecode){0};
    prepare_and_inspect(ret);
    PyGILState_Release(state);
}
