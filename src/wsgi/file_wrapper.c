#include "wsgi/file_wrapper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct file_wrapper {
    PyObject_HEAD;
    PyObject *filelike;
    Py_ssize_t block_size;
};

/* ---- iteration ------------------------------------------------------------------------------ */

PyObject *file_wrapper_read(PyObject *object, uint64_t limit)
{
    struct file_wrapper *self = (struct file_wrapper *)object;
    Py_ssize_t size = self->block_size;

    if (limit < (uint64_t)size)
        size = (Py_ssize_t)limit;
    PyObject *block = PyObject_CallMethod(self->filelike, "read", "n", size);

    if (block && PyObject_Length(block) == 0)
        Py_CLEAR(block);
    if (block && PyErr_Occurred()) /* the block has no length */
        Py_CLEAR(block);
    return block;
}

static PyObject *file_wrapper_next(PyObject *object)
{
    return file_wrapper_read(object, UINT64_MAX);
}

static PyObject *file_wrapper_close(PyObject *object, PyObject *unused)
{
    struct file_wrapper *self = (struct file_wrapper *)object;
    _cleanup_ref_ PyObject *close = PyObject_GetAttrString(self->filelike, "close");

    (void)unused;
    if (close)
        return PyObject_CallObject(close, NULL);
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return NULL;
    PyErr_Clear();
    Py_RETURN_NONE;
}

/* ---- files for sendfile(2) ------------------------------------------------------------------ */

/* Whether the object's type is this class of the io module. A subclass does not count, because its
 * read() may return other bytes. Returns 1, 0, or -1 with an exception. */
static int is_exactly(PyObject *object, const char *class)
{
    _cleanup_ref_ PyObject *io = PyImport_ImportModule("_io");
    _cleanup_ref_ PyObject *type = io ? PyObject_GetAttrString(io, class) : NULL;

    return type ? (PyObject *)Py_TYPE(object) == type : -1;
}

static int is_real_file(PyObject *object)
{
    int r = is_exactly(object, "FileIO");
    if (r != 0)
        return r;
    r = is_exactly(object, "BufferedReader");
    if (r == 0)
        r = is_exactly(object, "BufferedRandom");
    if (r <= 0)
        return r;
    _cleanup_ref_ PyObject *raw = PyObject_GetAttrString(object, "raw");
    return raw ? is_exactly(raw, "FileIO") : -1;
}

/* Calls a method without arguments that returns an integer. */
static int call_for_number(PyObject *object, const char *method, long long *ret)
{
    _cleanup_ref_ PyObject *number = PyObject_CallMethod(object, method, NULL);

    if (!number)
        return -1;
    *ret = PyLong_AsLongLong(number);
    return *ret == -1 && PyErr_Occurred() ? -1 : 0;
}

/* A file that is not readable gets no range: its read() must raise the right exception. Returns 1,
 * 0, or -1 with an exception. */
static int is_readable(PyObject *file, int fd)
{
    _cleanup_ref_ PyObject *readable = PyObject_CallMethod(file, "readable", NULL);
    int flags = fcntl(fd, F_GETFL); /* the mode of the object need not be that of its descriptor */

    if (!readable)
        return -1;
    if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY)
        return 0;
    return PyObject_IsTrue(readable);
}

static int get_range(PyObject *file, struct file_range *ret)
{
    _cleanup_ref_ PyObject *flushed = PyObject_CallMethod(file, "flush", NULL);
    long long fd, position;
    struct stat status;

    if (!flushed || call_for_number(file, "fileno", &fd) < 0)
        return -1;
    int r = is_readable(file, (int)fd);
    if (r <= 0)
        return r;
    /* The sizes of files in /proc (0) and in /sys (a page) are wrong. Such files have no blocks.
     * Some small files on disk have none either: reading them is right for both. */
    if (fstat((int)fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_blocks == 0)
        return 0;
    if (call_for_number(file, "tell", &position) < 0)
        return -1;
    if (position > status.st_size)
        return 0;
    *ret = (struct file_range){
        .file = (int)fd,
        .offset = position,
        .size = (uint64_t)(status.st_size - position),
    };
    return 1;
}

bool file_wrapper_check(PyObject *type, PyObject *object)
{
    return (PyObject *)Py_TYPE(object) == type;
}

int file_wrapper_get_range(PyObject *type, PyObject *object, struct file_range *ret)
{
    if (!file_wrapper_check(type, object))
        return 0;

    PyObject *file = ((struct file_wrapper *)object)->filelike;
    int r = is_real_file(file);
    return r == 1 ? get_range(file, ret) : r;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *file_wrapper_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {(char *)"filelike", (char *)"block_size", NULL};
    PyObject *filelike;
    Py_ssize_t block_size = 8192;

    if (!PyArg_ParseTupleAndKeywords(
            arguments, keywords, "O|n:file_wrapper", names, &filelike, &block_size))
        return NULL;
    struct file_wrapper *self = (struct file_wrapper *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    Py_INCREF(filelike);
    self->filelike = filelike;
    self->block_size = block_size > 0 ? block_size : 8192;
    return (PyObject *)self;
}

static int file_wrapper_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct file_wrapper *)object)->filelike);
    return 0;
}

static int file_wrapper_clear(PyObject *object)
{
    Py_CLEAR(((struct file_wrapper *)object)->filelike);
    return 0;
}

static void file_wrapper_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    file_wrapper_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"close", file_wrapper_close, METH_NOARGS, "close(): close the wrapped file, if it can be."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "file_wrapper(filelike, block_size=8192): content from a file."},
    {Py_tp_new, file_wrapper_new},
    {Py_tp_traverse, file_wrapper_traverse},
    {Py_tp_clear, file_wrapper_clear},
    {Py_tp_dealloc, file_wrapper_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, file_wrapper_next},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "wsgi_once.FileWrapper",
    .basicsize = sizeof(struct file_wrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyObject *file_wrapper_type_new(void)
{
    return PyType_FromSpec(&spec);
}
