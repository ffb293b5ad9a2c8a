#pragma once

/* Writes to standard error that do not block for long: it may be a full pipe or a stopped terminal.
 */

#include <stddef.h>

/* Writes the text in pieces of at most PIPE_BUF bytes (4 KiB), which do not mix with the output of
 * other processes. Waits up to a quarter of a second for space; after that has failed once, does
 * not wait again until something was written. The rest of the text is lost, without an error: there
 * is no place to report one. Preserves errno. */
void standard_error_write(const char *text, size_t size);
