#pragma once

/* The variables of the new process, in C and in Python. */

#include "image/variables.h"

/* Gives the variables the values that they have in `now`, and removes those that are only in
 * `before`. A variable whose value is not that of `before` stays: the import has changed it.
 * Returns 0 or -errno; -EINVAL if os.environ is not as expected. */
int renew_variables(const struct variables *before, const struct variables *now);
