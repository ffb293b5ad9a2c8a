#pragma once

/* A small producer of TAP, the Test Anything Protocol: test points with any number of checks each.
 *
 * unit_case() begins a point; the next one or unit_done() ends it. It is "ok" if all its checks
 * passed. A failed check is printed before it, with the expected and the actual value.
 */

#include "base/problem.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins the next test point. */
void unit_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets a text for the diagnostics of the following checks; unit_case() clears it. */
void unit_context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The checks. `what` names the value. They return whether the check passed. */
bool unit_ok(bool condition, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool unit_same_int(const char *what, long long actual, long long expected);
bool unit_same_number(const char *what, uint64_t actual, uint64_t expected);
/* Passes if the bytes are equal and both slices are absent (no data) or neither is. */
bool unit_same_slice(const char *what, struct slice actual, struct slice expected);

/* Passes if this is the text of the problem. The first "@" in it stands for the directory. */
bool unit_same_problem(const struct problem *problem, const char *text, const char *directory);

/* Ends the last point and prints the plan. Returns the exit status of the test program. */
int unit_done(void);

/* Returns size zeroed bytes at the end of mapped memory: a read past them faults. Each call returns
 * the same memory. */
char *unit_room_at_end(size_t size);

/* The same, containing a copy of the text. */
struct slice unit_copy_at_end(struct slice text);
