#pragma once

/* Prints --version to standard output, which is not flushed: the version of the program in a line
 * of its own, then what it was built with and for, and what it runs with. */
void version_print(void);
