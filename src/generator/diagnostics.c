#include "generator/diagnostics.h"

#include "base/cleanup.h"
#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#define PROGRAM "wsgi-once-generator"

enum { MAX_SHOWN_PER_FILE = 50 };

void diagnostics_init(struct diagnostics *diagnostics, bool to_kernel_log)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY; /* containers may have a file */
    int kmsg = to_kernel_log ? open("/dev/kmsg", flags) : -1;

    *diagnostics =
        (struct diagnostics){.fd = kmsg < 0 ? STDERR_FILENO : kmsg, .is_kmsg = kmsg >= 0};
}

void diagnostics_done(struct diagnostics *diagnostics)
{
    if (diagnostics->is_kmsg)
        close(diagnostics->fd);
}

void diagnostics_next_file(struct diagnostics *diagnostics)
{
    diagnostics->shown = 0;
}

static void begin_record(
    FILE *stream, const struct diagnostics *diagnostics, const char *path, unsigned line)
{
    if (diagnostics->is_kmsg)
        fprintf(stream, "<%d>" PROGRAM "[%ld]: ", LOG_DAEMON | LOG_ERR, (long)getpid());
    else
        fprintf(stream, PROGRAM ": ");
    if (path && line > 0)
        fprintf(stream, "%s:%u: ", path, line);
    else if (path)
        fprintf(stream, "%s: ", path);
}

/* The kernel takes one record of one line per write(2). `record` has room for one more byte. */
static void write_record(const struct diagnostics *diagnostics, char *record, size_t size)
{
    record[size] = '\0';
    printable_replace(record, PRINTABLE_LINE, '?');
    record[size++] = '\n';
    ssize_t written = write(diagnostics->fd, record, size);
    (void)written; /* there is nowhere else to report it */
}

void diagnostics_error(
    struct diagnostics *diagnostics, const char *path, unsigned line, const char *format, ...)
{
    char record[960]; /* the kernel's limit is a little more */
    int saved_errno = errno;
    va_list arguments;

    diagnostics->errors++;
    if (diagnostics->shown > MAX_SHOWN_PER_FILE)
        return;
    FILE *stream = fmemopen(record, sizeof(record), "w");
    if (!stream)
        return;
    begin_record(stream, diagnostics, path, line);
    errno = saved_errno; /* for %m */
    va_start(arguments, format);
    if (diagnostics->shown++ < MAX_SHOWN_PER_FILE)
        vfprintf(stream, format, arguments);
    else
        fprintf(stream, "and more");
    va_end(arguments);
    long size = ftell(stream);
    fclose(stream);
    if (size > (long)sizeof(record) - 1)
        size = sizeof(record) - 1;
    if (size > 0)
        write_record(diagnostics, record, (size_t)size);
}
