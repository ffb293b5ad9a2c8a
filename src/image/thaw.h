#pragma once

/* Continues from an image of this program, in place of what the process is doing. */

#include <stddef.h>

struct problem;

/* What image_freeze returns in the process that was thawed, in memory of its own. */
struct image_message {
    void *memory; /* of memory_size bytes, from mmap(2): it contains this structure, too */
    size_t memory_size;
    size_t size;
    char data[];
};

/* Checks the image: that it is complete, made by this program, trustworthy (of this user or root,
 * and not writable by others), at most a day old, and that what it depends on has not changed (see
 * dependencies.h; the mapped files, the vDSO). Then replaces the memory of this process, which must
 * have one thread, and continues where image_freeze was called, which returns the message there.
 * Descriptors stay as they are, as does everything that is no memory, except the working directory
 * and the umask, which become the image's; all signals are blocked.
 *
 * Returns only if that is impossible, with *ret_problem, which says why: 1 if there is no such
 * file, -1 otherwise. Then nothing has changed. */
int image_thaw(const char *path, char *const *arguments, const void *message, size_t size,
    struct problem *ret_problem);
