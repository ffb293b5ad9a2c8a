#pragma once

/* The end of a process that was forked. */

/* Flushes the streams of the C library, waits for the journal if there are records under way, lets
 * the leak checker look, and ends the process without running what exit(3) would. */
_Noreturn void leave(int status);
