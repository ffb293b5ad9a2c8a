#include "generator/report.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#define PROGRAM "wsgi-once-generator"

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

static void write_place(FILE *words, const char *path, unsigned line)
{
    if (path && line > 0)
        fprintf(words, "%s:%u: ", path, line);
    else if (path)
        fprintf(words, "%s: ", path);
}

/* The kernel takes a record of one line with each write(2). */
void report_error(struct report *report, const char *path, unsigned line, const char *format, ...)
{
    char record[960]; /* the kernel's limit is a little more */
    int saved_errno = errno;
    FILE *words = fmemopen(record, sizeof(record), "w");
    va_list arguments;

    report->errors++;
    if (!words)
        return;
    if (report->is_kmsg)
        fprintf(words, "<%d>" PROGRAM "[%ld]: ", LOG_DAEMON | LOG_ERR, (long)getpid());
    else
        fprintf(words, PROGRAM ": ");
    write_place(words, path, line);
    errno = saved_errno; /* for %m */
    va_start(arguments, format);
    vfprintf(words, format, arguments);
    va_end(arguments);
    long size = ftell(words);
    fclose(words);

    size_t used = size < 0 ? 0 : (size_t)size;
    if (used > sizeof(record) - 1)
        used = sizeof(record) - 1;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)record[i] < ' ' || record[i] == '\x7f')
            record[i] = '?';
    record[used++] = '\n';
    ssize_t written = write(report->fd, record, used);
    (void)written; /* nobody is left to tell */
}
