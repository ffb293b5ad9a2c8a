#pragma once

/* The resource limits of a worker: setrlimit(2). */

#include "options/options.h"

/* Sets the --limit-... options for this process and those that it starts. Processor time counts
 * from now on. Returns 0, or -errno with *ret_option, the one that could not be set. */
int limits_set(const struct options *options, const char **ret_option);
