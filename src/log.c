#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(const char *format, ...)
{
    static const char prefix[] = "wsgi-once: ";
    char line[4096];
    size_t size = sizeof(prefix) - 1;
    int saved_errno = errno;
    va_list arguments;

    memcpy(line, prefix, size);
    va_start(arguments, format);
    int n = vsnprintf(line + size, sizeof(line) - size, format, arguments);
    va_end(arguments);

    if (n > 0)
        size += (size_t)n;
    if (size > sizeof(line) - 1)
        size = sizeof(line) - 1;
    for (size_t i = 0; i < size; i++) /* names and values may hold anything, UTF-8 too */
        if ((unsigned char)line[i] < ' ' || line[i] == '\x7f')
            line[i] = '?';
    line[size++] = '\n';
    /* There is nobody to tell when standard error itself is broken. */
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
    errno = saved_errno;
}
