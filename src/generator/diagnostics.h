#pragma once

/* Reports errors in files to the administrator.
 *
 * The system's service manager runs generators before the journal starts, and discards what they
 * print. So they write to the kernel's log (systemd.generator(7)), from where the journal takes it.
 */

#include <stdbool.h>

struct diagnostics {
    int fd;          /* standard error, or /dev/kmsg */
    bool is_kmsg;    /* lines begin with a priority */
    unsigned errors; /* so far */
    unsigned shown;  /* of the current file */
};

/* Opens the kernel's log if `to_kernel_log` and if that is possible; else errors go to standard
 * error. */
void diagnostics_init(struct diagnostics *diagnostics, bool to_kernel_log);
void diagnostics_done(struct diagnostics *diagnostics);

/* Starts the next file. The number of lines per file is limited, so that a file that is something
 * else in spite of its .conf cannot flood the log of the kernel's log. */
void diagnostics_next_file(struct diagnostics *diagnostics);

/* Reports an error as "path:line: message". line: 0 for none; path: NULL for neither. A long
 * message is cut, and control characters are replaced. %m works. */
void diagnostics_error(struct diagnostics *diagnostics, const char *path, unsigned line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
