#include "base/problem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Replaces the end of a text that fills its buffer. */
static void end_with_dots(struct problem *problem)
{
    static const char dots[] = "...";
    size_t end = sizeof(problem->text) - sizeof(dots);

    while (end > 0 && ((unsigned char)problem->text[end] & 0xc0) == 0x80)
        end--; /* a continuation byte of UTF-8 (RFC 3629 §3) */
    memcpy(problem->text + end, dots, sizeof(dots));
}

int problem_set(struct problem *problem, int code, const char *format, ...)
{
    va_list arguments;

    if (!problem)
        return code;
    va_start(arguments, format);
    int size = vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    if (size < 0)
        problem->text[0] = '\0';
    else if ((size_t)size >= sizeof(problem->text))
        end_with_dots(problem);
    return code;
}
