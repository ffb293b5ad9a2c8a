#include "wsgi/python.h"

#include "base/problem.h"
#include "wsgi/evaluate.h"
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
    return Py_GetVersion(); /* also before the interpreter is started */
}

/* ---- virtual environments ------------------------------------------------------------------- */

/* The value of "key = value" when the line is that, as site.py reads it; else NULL. Ends the line
 * behind the value. */
static char *value_of(char *line, const char *key)
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

/* Reads the version from pyvenv.cfg: "version" is written by venv, "version_info" by virtualenv.
 * Returns "" when there is none, and NULL when there is no such file. */
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
        const char *value = value_of(line, "version");
        if (!value)
            value = value_of(line, "version_info");
        if (value)
            snprintf(version, 64, "%s", value);
    }
    fclose(file);
    return version;
}

static int check_venv(const char *venv, char **ret_problem)
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

/* What failures of an interpreter's start come down to: its very first module is not to be had.
 * That is named, because everybody looks for it by that name. */
static const char *explain_start(const char *problem)
{
    if (!strstr(problem, "encoding"))
        return "";
    return ": its standard library below " PYTHON_PREFIX
           " cannot be read (No module named 'encodings')";
}

/* An embedded interpreter looks for "python3" along PATH to find its standard library, and a venv
 * names the directory of whatever python made it: both may be another build. So the places are said
 * here. With `home` set, neither is looked at; the packages of the environment are found through
 * the place of `executable`, which has to be written as the file system has it. */
static PyStatus set_places(PyConfig *config, const char *venv)
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

static int initialize(const char *venv, char **ret_problem)
{
    PyConfig config;

    PyConfig_InitPythonConfig(&config);
    PyStatus status = set_places(&config, venv);
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

/* Calls object.method(*arguments, **keywords); steals both. A failure is no reason not to serve: a
 * sitecustomize may have put something of its own in the place of the object. */
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

/* Tracebacks of all threads on the signal. */
static void dump_on_signal(int signal)
{
    _cleanup_ref_ PyObject *faulthandler = PyImport_ImportModule("faulthandler");

    try_call(faulthandler, "register", Py_BuildValue("(ii)", signal, STDERR_FILENO), PyDict_New());
}

/* What print() writes shall not wait in a buffer when the process dies: line by line then. */
static void buffer_lines(void)
{
    try_call(PySys_GetObject("stdout"), "reconfigure", PyTuple_New(0),
        Py_BuildValue("{s:O}", "line_buffering", Py_True));
}

/* Unless a sitecustomize has a handler of its own. */
static void leave_interrupt_alone(void)
{
    _cleanup_ref_ PyObject *signals = PyImport_ImportModule("signal");
    _cleanup_ref_ PyObject *usual =
        signals ? PyObject_GetAttrString(signals, "default_int_handler") : NULL;
    _cleanup_ref_ PyObject *present =
        usual ? PyObject_CallMethod(signals, "getsignal", "i", SIGINT) : NULL;

    if (present && present == usual)
        try_call(signals, "signal",
            Py_BuildValue("(iN)", SIGINT, PyObject_GetAttrString(signals, "SIG_DFL")),
            PyDict_New());
    PyErr_Clear();
}

static int prepare(const struct python_config *config)
{
    _cleanup_ref_ PyObject *gc = PyImport_ImportModule("gc");

    if (!gc || call_void(gc, "disable") < 0)
        return -1;
    buffer_lines();
    dump_on_signal(config->dump_signal);
    if (!config->is_interruptible)
        leave_interrupt_alone();
    return 0;
}

int python_start(const struct python_config *config, char **ret_problem)
{
    int r = config->venv ? check_venv(config->venv, ret_problem) : 0;
    if (r == 0)
        r = initialize(config->venv, ret_problem);
    if (r != 0)
        return r;
    if (prepare(config) < 0) {
        _cleanup_ref_ PyObject *exception = exception_take();
        _cleanup_(freep) char *text = exception_text(exception);
        r = problem_set(ret_problem, EX_SOFTWARE, "cannot set up Python: %s", text ? text : "");
    }
    PyEval_SaveThread();
    return r;
}

/* ---- forking -------------------------------------------------------------------------------- */

static pid_t fork_and_call(void (*in_child)(const void *data), const void *data)
{
    pid_t pid = fork();

    if (pid == 0)
        in_child(data);
    return pid;
}

pid_t python_fork(void (*in_child)(const void *data), const void *data)
{
    if (!Py_IsInitialized())
        return fork_and_call(in_child, data);

    PyGILState_STATE state = PyGILState_Ensure();
    PyOS_BeforeFork();
    pid_t pid = fork_and_call(in_child, data);
    int saved_errno = errno;
    if (pid == 0)
        PyOS_AfterFork_Child();
    else
        PyOS_AfterFork_Parent();
    PyGILState_Release(state);
    errno = saved_errno;
    return pid;
}

static void freeze(void)
{
    _cleanup_ref_ PyObject *gc = PyImport_ImportModule("gc");

    try_call(gc, "freeze", PyTuple_New(0), PyDict_New());
}

void python_freeze(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    freeze();
    PyGILState_Release(state);
}

static void flush_stream(const char *name)
{
    PyObject *stream = PySys_GetObject(name); /* borrowed */

    if (stream && stream != Py_None && call_void(stream, "flush") < 0)
        PyErr_Clear(); /* nobody is left to tell */
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

/* ---- what the import made ------------------------------------------------------------------- */

char *python_list_threads(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    char *names =
        evaluate("', '.join(repr(thread.name) for thread in sys.modules['threading'].enumerate()"
                 "          if thread is not sys.modules['threading'].main_thread())"
                 "    if 'threading' in sys.modules else ''",
            NULL);
    PyGILState_Release(state);
    return names;
}

char *python_describe(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    char *text = evaluate("'interpreter  %s, Python %s\\nvenv         %s\\nsys.path     %s\\n' % ("
                          "    sys.executable, sys.version.split()[0],"
                          "    sys.prefix if sys.prefix != sys.base_prefix else 'none',"
                          "    ('\\n' + 13 * ' ').join(map(str, sys.path)))",
        NULL);
    PyGILState_Release(state);
    return text;
}

/* Calls a function of a module if some code has imported that module. */
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
    PyGILState_Ensure(); /* never released: the process ends */
    call_if_imported("threading", "_shutdown");
    call_if_imported("atexit", "_run_exitfuncs");
}
