#include "wsgi/python.h"

#include "base/problem.h"
#include "image/arenas.h"
#include "wsgi/helpers.h"
#include "wsgi/object.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#define LITERAL(x) #x
#define TEXT(x) LITERAL(x)
#define MINOR_VERSION TEXT(PY_MAJOR_VERSION) "." TEXT(PY_MINOR_VERSION)

const char *python_version(void)
{
    return PY_VERSION;
}

const char *python_running_version(void)
{
    return Py_GetVersion();
}

/* ---- virtual environments ------------------------------------------------------------------- */

/* Parses "key = value" as site.py does. Returns the value, terminated in place, or NULL if the line
 * has another key. */
static char *match_key(char *line, const char *key)
{
    size_t length = strlen(key);

    line += strspn(line, " \t");
    if (strncasecmp(line, key, length) != 0)
        return NULL;
    line += length;
    line += strspn(line, " \t");
    if (*line != '=')
        return NULL;
    line++;
    line += strspn(line, " \t");
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* Reads the version from pyvenv.cfg: venv writes "version", virtualenv "version_info". Returns ""
 * if the file has no version, and NULL if it cannot be read. */
static const char *read_venv_version(const char *venv, char version[64])
{
    _cleanup_(freep) char *path = NULL, *line = NULL;
    size_t capacity = 0;

    if (asprintf(&path, "%s/pyvenv.cfg", venv) < 0)
        return NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    version[0] = '\0';
    while (getline(&line, &capacity, file) > 0) {
        const char *value = match_key(line, "version");
        if (!value)
            value = match_key(line, "version_info");
        if (value)
            snprintf(version, 64, "%s", value);
    }
    fclose(file);
    return version;
}

static int check_venv(const char *venv, struct problem *ret_problem)
{
    size_t length = strlen(MINOR_VERSION);
    char buffer[64];
    const char *version = read_venv_version(venv, buffer);

    if (!version)
        return problem_set(ret_problem, EX_CONFIG,
            "--venv %s: not a virtual environment: cannot read its pyvenv.cfg", venv);
    if (version[0] == '\0' ||
        (strncmp(version, MINOR_VERSION, length) == 0 &&
            (version[length] == '.' || version[length] == '\0')))
        return 0;
    return problem_set(ret_problem, EX_CONFIG,
        "--venv %s was created for Python %s, but wsgi-once embeds Python %s; to recreate it, run: "
        "%s -m venv --clear %s",
        venv, version, MINOR_VERSION, PYTHON_EXECUTABLE, venv);
}

/* ---- start ---------------------------------------------------------------------------------- */

/* Most start failures are that the first module, encodings, cannot be imported. Python's message is
 * not specific; this adds the text that people search for. */
static const char *explain_start(const char *problem)
{
    if (!strstr(problem, "encoding"))
        return "";
    return ": its standard library below " PYTHON_PREFIX
           " cannot be read (No module named 'encodings')";
}

/* Without `home`, an embedded interpreter would find its standard library through the "python3" in
 * PATH, or through the directory in pyvenv.cfg. Both may belong to another build. site.py finds the
 * packages of the virtual environment through `executable`, which must be a canonical path. */
static PyStatus set_paths(PyConfig *config, const char *venv)
{
    char *environment = venv ? realpath(venv, NULL) : NULL, *executable = NULL;
    PyStatus status = PyConfig_SetBytesString(config, &config->home, PYTHON_PREFIX);

    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesString(config, &config->base_executable, PYTHON_EXECUTABLE);
    if (environment && asprintf(&executable, "%s/bin/python" MINOR_VERSION, environment) < 0)
        executable = NULL;
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesString(
            config, &config->executable, executable ? executable : PYTHON_EXECUTABLE);
    free(executable);
    free(environment);
    return status;
}

static PyStatus set_arguments(PyConfig *config)
{
    char program[] = "wsgi-once", *argv[] = {program};

    config->parse_argv = 0;
    return PyConfig_SetBytesArgv(config, 1, argv);
}

static int initialize(const char *venv, struct problem *ret_problem)
{
    PyConfig config;

    PyConfig_InitPythonConfig(&config);
    PyStatus status = set_paths(&config, venv);
    if (!PyStatus_Exception(status))
        status = set_arguments(&config);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (!PyStatus_Exception(status))
        return 0;
    const char *problem = status.err_msg ? status.err_msg : "unknown reason";
    return problem_set(
        ret_problem, EX_SOFTWARE, "cannot start Python: %s%s", problem, explain_start(problem));
}

static int call_void(PyObject *object, const char *method)
{
    _cleanup_ref_ PyObject *result = PyObject_CallMethod(object, method, NULL);
    return result ? 0 : -1;
}

/* Calls object.method(*arguments, **keywords); steals both. Ignores failures, because a
 * sitecustomize may have replaced the object. */
static void try_call(PyObject *object, const char *method, PyObject *arguments, PyObject *keywords)
{
    _cleanup_ref_ PyObject *function = object ? PyObject_GetAttrString(object, method) : NULL;
    _cleanup_ref_ PyObject *result =
        function && arguments && keywords ? PyObject_Call(function, arguments, keywords) : NULL;

    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    if (!result)
        PyErr_Clear();
}

static void enable_dump(int signal)
{
    _cleanup_ref_ PyObject *faulthandler = PyImport_ImportModule("faulthandler");

    try_call(faulthandler, "register", Py_BuildValue("(ii)", signal, STDERR_FILENO), PyDict_New());
}

/* If standard output is not a terminal, Python buffers blocks, and a process that is killed loses
 * the last one. */
static void enable_line_buffering(void)
{
    try_call(PySys_GetObject("stdout"), "reconfigure", PyTuple_New(0),
        Py_BuildValue("{s:O}", "line_buffering", Py_True));
}

/* Resets SIGINT to its default, unless a sitecustomize has replaced Python's handler. */
static void reset_interrupt(void)
{
    _cleanup_ref_ PyObject *signals = PyImport_ImportModule("signal");
    _cleanup_ref_ PyObject *standard =
        signals ? PyObject_GetAttrString(signals, "default_int_handler") : NULL;
    _cleanup_ref_ PyObject *current =
        standard ? PyObject_CallMethod(signals, "getsignal", "i", SIGINT) : NULL;

    if (current && current == standard)
        try_call(signals, "signal",
            Py_BuildValue("(iN)", SIGINT, PyObject_GetAttrString(signals, "SIG_DFL")),
            PyDict_New());
    PyErr_Clear();
}

static int configure(const struct python_config *config)
{
    _cleanup_ref_ PyObject *gc = PyImport_ImportModule("gc");

    if (!gc || call_void(gc, "disable") < 0)
        return -1;
    enable_line_buffering();
    enable_dump(config->dump_signal);
    if (!config->is_interruptible)
        reset_interrupt();
    return 0;
}

/* See arenas.h. */
static void set_arena_allocator(void)
{
    PyObjectArenaAllocator allocator = {.alloc = arenas_map, .free = arenas_unmap};

    PyObject_SetArenaAllocator(&allocator);
}

int python_start(const struct python_config *config, struct problem *ret_problem)
{
    set_arena_allocator();
    int r = config->venv ? check_venv(config->venv, ret_problem) : 0;
    if (r == 0)
        r = initialize(config->venv, ret_problem);
    if (r != 0)
        return r;
    if (configure(config) < 0) {
        _cleanup_ref_ PyObject *exception = exception_take();
        _cleanup_(freep) char *text = exception_text(exception);
        r = problem_set(ret_problem, EX_SOFTWARE, "cannot set up Python: %s", text ? text : "");
    }
    PyEval_SaveThread();
    return r;
}

/* ---- forking -------------------------------------------------------------------------------- */

static pid_t fork_with_callback(void (*in_child)(const void *data), const void *data)
{
    pid_t pid = fork();

    if (pid == 0)
        in_child(data);
    return pid;
}

pid_t python_fork(void (*in_child)(const void *data), const void *data)
{
    if (!Py_IsInitialized())
        return fork_with_callback(in_child, data);

    PyGILState_STATE state = PyGILState_Ensure();
    PyOS_BeforeFork();
    pid_t pid = fork_with_callback(in_child, data);
    int saved_errno = errno;
    if (pid == 0)
        PyOS_AfterFork_Child();
    else
        PyOS_AfterFork_Parent();
    PyGILState_Release(state);
    errno = saved_errno;
    return pid;
}

void python_freeze(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *gc = PyImport_ImportModule("gc");

    try_call(gc, "freeze", PyTuple_New(0), PyDict_New());
    Py_XDECREF(gc);
    PyGILState_Release(state);
}

int python_renew_variable(const char *name, const char *old, const char *new)
{
    if (!Py_IsInitialized())
        return 0;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *values = Py_BuildValue("(yyy)", name, old, new);
    PyObject *done = values ? helper_call("renew_variable", values, NULL) : NULL;
    int r = done ? 0 : -1;
    PyErr_Clear();
    Py_XDECREF(values);
    Py_XDECREF(done);
    PyGILState_Release(state);
    return r;
}

static void flush_stream(const char *name)
{
    PyObject *stream = PySys_GetObject(name); /* borrowed */

    if (stream && stream != Py_None && call_void(stream, "flush") < 0)
        PyErr_Clear(); /* there is no other stream to report it on */
}

void python_flush(void)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE state = PyGILState_Ensure();
    flush_stream("stdout");
    flush_stream("stderr");
    PyGILState_Release(state);
}

/* ---- descriptions --------------------------------------------------------------------------- */

char *python_list_threads(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    char *names = helper_get_text("list_threads", NULL);
    PyGILState_Release(state);
    return names;
}

char *python_describe(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    char *text = helper_get_text("describe_interpreter", NULL);
    PyGILState_Release(state);
    return text;
}

/* ---- end ------------------------------------------------------------------------------------ */

/* Calls a function of a module, if that has been imported. Prints an exception. */
static void call_if_imported(const char *module_name, const char *function)
{
    _cleanup_ref_ PyObject *name = PyUnicode_FromString(module_name);
    _cleanup_ref_ PyObject *module = name ? PyImport_GetModule(name) : NULL;

    if (module && call_void(module, function) == 0)
        return;
    _cleanup_ref_ PyObject *exception = exception_take();
    if (exception)
        exception_print(exception);
}

void python_end(void)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_Ensure(); /* never released, because the process ends */
    call_if_imported("threading", "_shutdown");
    call_if_imported("atexit", "_run_exitfuncs");
}
