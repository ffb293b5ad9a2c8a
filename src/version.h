#pragma once

/* Prints --version to standard output, without flushing it: a line with the version of the program,
 * then the versions of Python and libsystemd and how the program was compiled. */
void version_print(void);
