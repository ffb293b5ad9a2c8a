#pragma once

/* Watches the system calls of a child, to record which files it depends on: also those that
 * libraries in C, and the programs that it runs, look at.
 *
 * The child installs a seccomp filter that asks a supervisor before each call that names a file
 * (SECCOMP_RET_USER_NOTIF, Linux 5.5). The supervisor, which is the caller, looks at the file
 * before the child does, and lets the call continue. Why not ptrace(2): the default sandbox of a
 * service would have to allow it, a debugger or strace could not be used on the child, and every
 * call would stop it, not only these. Why not an audit hook of Python, fanotify(7) or a preloaded
 * library: these miss C, misses, and static programs.
 *
 * A filter cannot be removed. So the child is thrown away: its parent, which is to be frozen, has
 * nothing left of the watch, neither a filter nor a descriptor.
 *
 * Needs no privileges, but seccomp(2) and process_vm_readv(2), which is refused if the child is not
 * dumpable or Yama's ptrace_scope is 2 or 3. Fails where another supervisor watches already (some
 * containers have one). io_uring fails in the child, since its calls would not be seen.
 */

#include "base/deadline.h"
#include "image/recorder.h"

/* Runs the function in a forked child, which then ends without handlers of exit(3), its status
 * being what the function has returned. The function may call execve(2). Records what the child and
 * its children look at until the child ends, or is killed at the deadline. Children that are left
 * then are no longer watched, and each of those calls fails in them (ENOSYS).
 *
 * What the function writes to stdio, it must flush. The caller must not have threads that hold
 * locks which the function needs, as always with fork(2).
 *
 * Returns 0 and the status of the child as of waitpid(2), or -errno with a problem. Whether the
 * record is complete, recorder_finish says. */
int watch_run(struct recorder *recorder, int (*function)(void *data), void *data, usec_t deadline,
    int *ret_status, struct problem *ret_problem);
