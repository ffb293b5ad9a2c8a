#pragma once

/* The embedded interpreter: its start, its forks and its end. Free of Python types. */

#include <stdbool.h>
#include <sys/types.h>

struct problem;

struct python_config {
    const char *venv;      /* a virtual environment, or NULL */
    int dump_signal;       /* on this signal the tracebacks of all threads go to standard error */
    bool is_interruptible; /* SIGINT raises KeyboardInterrupt; else it has no handler */
};

/* Starts the interpreter that this program was built for: standard library, prefix and
 * sys.executable are that one's, whatever PATH and PYTHONHOME say. Garbage collection is off until
 * the app is loaded. The calling thread is the main thread and does not hold the GIL afterwards.
 *
 * Returns 0, or the exit status of sysexits(3), EX_CONFIG or EX_SOFTWARE, with *ret_problem. */
int python_start(const struct python_config *config, struct problem *ret_problem);

/* fork(2) with the interpreter's hooks before and after it, those of os.register_at_fork included;
 * also when the interpreter was not started. In the child, in_child(data) comes before the hooks,
 * which may fork again. errno is that of fork. */
pid_t python_fork(void (*in_child)(const void *data), const void *data);

/* Leaves all objects that there are alone from now on: the collector would write to each of them,
 * which a forked process pays for. */
void python_freeze(void);

/* Writes what sys.stdout and sys.stderr hold back. Fine when the interpreter was never started. */
void python_flush(void);

/* The names of the threads that Python code has started and that still run, quoted and separated by
 * commas, on the heap; NULL when there is none. */
char *python_list_threads(void);

/* What the interpreter is, in lines for people that begin with a word and end with a newline: its
 * executable and version, the virtual environment, sys.path. On the heap; NULL when that fails. */
char *python_describe(void);

/* Does what an interpreter does at its end, as far as others notice: joins the threads that are not
 * daemons, runs the atexit functions. To be followed by python_flush. Objects are not destroyed
 * (Py_FinalizeEx would take a multiple of the time): the process is to end with _exit(2). Fine when
 * the interpreter was never started. */
void python_end(void);

/* "3.11.2", the version of the interpreter this program was built for. */
const char *python_version(void);

/* "3.11.4 (main, ...", that of the one which is there: another patch level, perhaps. Static. */
const char *python_running_version(void);
