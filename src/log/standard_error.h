#pragma once

/* Text on standard error, which nobody may read: a pipe that is full, a terminal that was stopped.
 */

#include <stddef.h>

/* Writes the text, in pieces that do not mix with what other processes write: of PIPE_BUF bytes (4
 * KiB) at most. Waits a quarter of a second for room, and not again before something was taken;
 * then the rest is lost. There is nobody to tell. errno is kept. */
void standard_error_write(const char *text, size_t size);
