#pragma once

/* The quick start: from an image, before libpython and libsystemd are loaded.
 *
 * It knows only the most frequent case: a connection that systemd has accepted (Accept=yes), and
 * standard streams that can stay. What it cannot do, or finds unusual, program.c does or reports.
 */

#include <limits.h>

/* Finds the library with program_main(): beside this program, where it is built, or in
 * ../lib/wsgi-once, where it is installed. */
void quick_find_program(char ret_path[static PATH_MAX]);

/* Serves the connection in the process of the image that an option names; does not return then.
 * Returns, with everything as before and nothing printed, if that is impossible. program: the path
 * of the library; argv: of main(). */
void quick_start(const char *program, char **argv);
