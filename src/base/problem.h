#pragma once

/* Why something failed, handed up to the caller, who knows whom to tell. */

/* Formats *ret_problem, one line without a newline, on the heap (NULL when there is no memory even
 * for that), and returns `code`: the error or status that the caller returns in turn. */
int problem_set(char **ret_problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
