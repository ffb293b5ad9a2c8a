#pragma once

/* The embedded interpreter: start, fork and end. Free of Python types. */

#include <stdbool.h>
#include <sys/types.h>

struct problem;

struct python_config {
    const char *venv;      /* a virtual environment, or NULL */
    int dump_signal;       /* this signal prints the tracebacks of all threads to standard error */
    bool is_interruptible; /* SIGINT raises KeyboardInterrupt; else Python does not handle it */
};

/* Starts the interpreter that the program was built for: the standard library, the prefix and
 * sys.executable are that interpreter's, whatever PATH and PYTHONHOME are. Garbage collection is
 * disabled; application_load enables it. The calling thread becomes the main thread. It does not
 * hold the GIL afterwards.
 *
 * Returns 0, or the exit status of sysexits(3), EX_CONFIG or EX_SOFTWARE, with *ret_problem. */
int python_start(const struct python_config *config, struct problem *ret_problem);

/* Forks like fork(2), and runs the interpreter's hooks before and after it, including those of
 * os.register_at_fork. Works also before python_start. The child calls in_child(data) before its
 * hooks, which may fork again. Returns what fork returns, with its errno. */
pid_t python_fork(void (*in_child)(const void *data), const void *data);

/* Exempts all current objects from garbage collection: the collector would write to each of them,
 * and every forked process would have to copy these pages. */
void python_freeze(void);

/* Gives a variable of os.environ a new value (NULL: removes it), without a call of putenv(3), if it
 * has the old one (NULL: none). Returns 0, or -1 if os.environ is not as expected. Does nothing
 * before python_start. */
int python_renew_variable(const char *name, const char *old, const char *new);

/* Flushes sys.stdout and sys.stderr. Does nothing before python_start. */
void python_flush(void);

/* The names of the running threads that Python code started, quoted and separated by commas, on the
 * heap. NULL if there are none. */
char *python_list_threads(void);

/* Describes the interpreter for --check: its executable and version, the virtual environment, and
 * sys.path. Each line has a label and ends with a newline. On the heap; NULL on failure. */
char *python_describe(void);

/* Does the part of the interpreter's shutdown that is visible outside: joins the threads that are
 * not daemons, and runs the atexit functions. Does not destroy objects, since Py_FinalizeEx would
 * take several times as long; the caller must call python_flush and then end the process with
 * _exit(2). Does nothing before python_start. */
void python_end(void);

/* The version of the interpreter that the program was built for, such as "3.11.2". Static. */
const char *python_version(void);

/* The version of the interpreter that is loaded, such as "3.11.4 (main, ...": it may have another
 * patch level. Static; works also before python_start. */
const char *python_running_version(void);
