#pragma once

/* What the generator has to say of a file, where it will be found.
 *
 * systemd starts generators before there is a journal to write to, and does not read what they
 * print; as systemd.generator(7) tells, the kernel's log is the place then, from where the journal
 * takes it.
 */

#include <stdbool.h>

struct diagnostics {
    int fd;          /* standard error, or /dev/kmsg */
    bool is_kmsg;    /* lines have a priority in front */
    unsigned errors; /* so far */
    unsigned shown;  /* of the file at hand */
};

/* Reports go to standard error; or to the kernel's log if that can be opened. */
void diagnostics_init(struct diagnostics *diagnostics, bool to_kernel_log);
void diagnostics_done(struct diagnostics *diagnostics);

/* What follows is about another file. Each has a bounded number of lines: one that is something
 * else and is called .conf by chance must not push out everything else that the kernel's log has.
 */
void diagnostics_next_file(struct diagnostics *diagnostics);

/* Reports an error, as "path:line: message"; without the line when that is 0, and without both when
 * path is NULL. */
void diagnostics_error(struct diagnostics *diagnostics, const char *path, unsigned line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
