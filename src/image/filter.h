#pragma once

/* The seccomp filter of a process that is watched: see watch.h. */

#include <linux/audit.h>

/* The calls of this architecture are known. Others, such as those of a 32-bit program, are
 * reported, too. */
#if defined(__x86_64__) && !defined(__ILP32__)
#    define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#    define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#    define FILTER_ARCH 0 /* filter_install fails */
#endif

/* Makes the calling thread wait at each call of calls.h until the holder of the returned descriptor
 * answers. Threads and processes that it creates from now on do the same, programs that they run
 * included. Sets PR_SET_NO_NEW_PRIVS. Cannot be undone. Returns the descriptor, which is
 * close-on-exec, or -errno: -EBUSY if another process already watches. */
int filter_install(void);
