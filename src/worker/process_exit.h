#pragma once

/* The exit of a process, without what exit(3) would run. */

/* Makes the process exit with this status in a second, whatever it waits for: its last output may
 * go to a pipe that nobody reads. The app cannot use SIGALRM any more. The caller must call
 * process_exit() with the same status in the end. */
void process_exit_soon(int status);

/* Flushes the streams of the C library, waits for the journal if it has not received all records,
 * runs the leak checker if there is one, and exits. Takes at most a second (longer with the
 * leak checker). */
_Noreturn void process_exit(int status);
