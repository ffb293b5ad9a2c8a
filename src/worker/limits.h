#pragma once

/* The resource limits of a worker: setrlimit(2). */

#include "options/options.h"

/* Sets the limits (--limit-...) of this process and of the processes that it starts. Processor time
 * counts from now on. Returns 0, or -errno with *ret_option, the option whose limit could not be
 * set. */
int limits_set(const struct resource_limits *limits, const char **ret_option);
