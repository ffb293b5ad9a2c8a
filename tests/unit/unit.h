#pragma once

/* A small producer of TAP, the Test Anything Protocol: test points with any number of checks each.
 *
 * A point is opened by unit_case() and closed by the next one or by unit_done(). It is "ok" when
 * all its checks held; what did not hold is shown above it, with the expected and the actual value.
 */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the next test point. */
void unit_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What the checks that follow have in common, for their diagnostics; unit_case() clears it. */
void unit_context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The checks. `what` names the value. They return whether the check held. */
bool unit_ok(bool condition, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool unit_same_int(const char *what, long long actual, long long expected);
bool unit_same_number(const char *what, uint64_t actual, uint64_t expected);
/* Equal bytes; and an absent slice (no data) is not the same as an empty one. */
bool unit_same_slice(const char *what, struct slice actual, struct slice expected);

/* Closes the last point and prints the plan. Returns the exit status of the test program. */
int unit_done(void);

/* Room for size bytes that end where the mapped memory ends: whoever reads behind them dies. The
 * room is filled with NUL, and it is the same memory in every call. */
char *unit_room_at_end(size_t size);

/* The same with a copy of the text in it. */
struct slice unit_copy_at_end(struct slice text);
