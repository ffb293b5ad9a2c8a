#include "base/problem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

int problem_set(char **ret_problem, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(ret_problem, format, arguments) < 0)
        *ret_problem = NULL;
    va_end(arguments);
    return code;
}
