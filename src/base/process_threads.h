#pragma once

#include <stddef.h>

/* The number of threads of this process. Waits a little for threads that are about to end: when a
 * thread was joined, the kernel may still list it. Returns 0 if that cannot be found out. */
size_t process_count_threads(void);
