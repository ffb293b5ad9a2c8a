#include "generator/report.h"

#include "base/cleanup.h"
#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#define PROGRAM "wsgi-once-generator"

enum { MOST_SHOWN = 50 };

void report_init(struct report *report, bool to_kernel_log)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY; /* containers may have a file */
    int kmsg = to_kernel_log ? open("/dev/kmsg", flags) : -1;

    *report = (struct report){.fd = kmsg < 0 ? STDERR_FILENO : kmsg, .is_kmsg = kmsg >= 0};
}

void report_done(struct report *report)
{
    if (report->is_kmsg)
        close(report->fd);
}

void report_next_file(struct report *report)
{
    report->shown = 0;
}

static void begin_record(FILE *words, const struct report *report, const char *path, unsigned line)
{
    if (report->is_kmsg)
        fprintf(words, "<%d>" PROGRAM "[%ld]: ", LOG_DAEMON | LOG_ERR, (long)getpid());
    else
        fprintf(words, PROGRAM ": ");
    if (path && line > 0)
        fprintf(words, "%s:%u: ", path, line);
    else if (path)
        fprintf(words, "%s: ", path);
}

/* The kernel takes a record of one line with each write(2). `record` has room for one more byte. */
static void write_record(const struct report *report, char *record, size_t size)
{
    record[size] = '\0';
    printable_replace(record, PRINTABLE_LINE, '?');
    record[size++] = '\n';
    ssize_t written = write(report->fd, record, size);
    (void)written; /* nobody is left to tell */
}

void report_error(struct report *report, const char *path, unsigned line, const char *format, ...)
{
    char record[960]; /* the kernel's limit is a little more */
    int saved_errno = errno;
    va_list arguments;

    report->errors++;
    if (report->shown > MOST_SHOWN)
        return;
    FILE *words = fmemopen(record, sizeof(record), "w");
    if (!words)
        return;
    begin_record(words, report, path, line);
    errno = saved_errno; /* for %m */
    va_start(arguments, format);
    if (report->shown++ < MOST_SHOWN)
        vfprintf(words, format, arguments);
    else
        fprintf(words, "and more");
    va_end(arguments);
    long size = ftell(words);
    fclose(words);
    if (size > (long)sizeof(record) - 1)
        size = sizeof(record) - 1;
    if (size > 0)
        write_record(report, record, (size_t)size);
}
