#pragma once

/* The reason for a failure, as text that a function returns to its caller, which may log it. */

/* Formats *ret_problem, one line without a newline, on the heap (NULL when there is no memory even
 * for that), and returns `code`: the error or status that the caller returns in turn. */
int problem_set(char **ret_problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
