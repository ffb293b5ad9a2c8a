#pragma once

/* Why an operation failed, as text for people.
 *
 * A function that fails with such a text takes a struct problem that its caller owns, as its last
 * parameter; the caller knows where the text belongs. src/README.md has the forms of errors.
 */

/* A line of the log has 4096 bytes, see log.c. This leaves room for what precedes the text there,
 * or the log would cut the "..." off. */
enum { PROBLEM_SIZE = 4096 - 64 };

/* Defined only after the operation has failed. */
struct problem {
    char text[PROBLEM_SIZE]; /* without a newline at the end; may be empty */
};

/* Formats the text and returns `code`: the error or status that the caller returns in turn. A text
 * that is too long ends with "...", and is cut between characters of UTF-8. problem: NULL if
 * the caller does not need the text. %m works. Does not allocate. */
int problem_set(struct problem *problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
