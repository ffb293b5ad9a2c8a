#pragma once

/* The end of a process that was forked. */

/* Ends the process with this status after a second, whatever it waits for: its last output may be
 * for a pipe that nobody reads. SIGALRM is no longer the app's then. What comes after it is to be
 * process_exit() with the same status. */
void process_exit_soon(int status);

/* Flushes the streams of the C library, waits for the journal if there are records under way, lets
 * the leak checker look, and ends the process without running what exit(3) would. */
_Noreturn void process_exit(int status);
