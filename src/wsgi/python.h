#pragma once

/* The embedded interpreter: its start and its end. Free of Python types. */

struct python_config {
    const char *venv; /* a virtual environment, or NULL */
    int dump_signal;  /* on this signal the tracebacks of all threads go to standard error */
};

/* Starts the interpreter that this program was built for: standard library, prefix and
 * sys.executable are that one's, whatever PATH and PYTHONHOME say. Garbage collection is off until
 * the app is loaded. The calling thread is the main thread and does not hold the GIL afterwards.
 *
 * Returns 0, or the exit status of sysexits(3), EX_CONFIG or EX_SOFTWARE, with *ret_problem, one
 * line on the heap. */
int python_start(const struct python_config *config, char **ret_problem);

/* Does what an interpreter does at its end, as far as others notice: joins the threads that are not
 * daemons, runs the atexit functions, flushes standard output and error. Objects are not destroyed
 * (Py_FinalizeEx would take a multiple of the time): the process is to end with _exit(2). Fine when
 * the interpreter was never started. */
void python_end(void);

/* "3.11.2", the version of the interpreter this program was built for. */
const char *python_version(void);
