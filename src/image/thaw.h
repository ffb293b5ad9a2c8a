#pragma once

/* Continues from an image of this program, in place of what the process is doing. */

#include "base/deadline.h"
#include "image/image.h"

#include <stddef.h>

struct problem;

/* What image_freeze returns in the process that was thawed, in memory of its own. */
struct image_message {
    void *memory; /* of memory_size bytes, from mmap(2): it contains this structure, too */
    size_t memory_size;
    int connection; /* its number may be another one than before */
    size_t size;
    char data[];
};

#define IMAGE_MAX_AGE "1d" /* the default */

/* Which image, and for whom. */
struct image_use {
    const char *path;
    const char *program;    /* the file that has this code: the image must be of the same */
    char *const *arguments; /* argv without the program's name: see dependencies_check */
    usec_t max_age;         /* 0: any age */
};

/* Whether this process could start from the image: that it is complete, made by this program,
 * trustworthy (of this user or root, and not writable by others), and not too old, and that what it
 * depends on has not changed (see dependencies.h). Whether all files that it has mapped or open are
 * as they were, only image_thaw finds out. Returns 0, or IMAGE_MISSING, IMAGE_STAYS or -1 with
 * *ret_problem. */
int image_check(const struct image_use *use, struct problem *ret_problem);

/* Checks the image, then replaces the memory of this process, which must have one thread, and
 * continues where image_freeze was called, which returns the message there. The standard streams
 * and the connection stay, and the descriptors that the image has are opened again; nothing else
 * may be open. The working directory and the umask become the image's. Whatever else is no memory
 * stays as it is; all signals are blocked.
 *
 * Returns only if that is impossible, as image_check does. Then nothing has changed. */
int image_thaw(const struct image_use *use, int connection, const void *message, size_t size,
    struct problem *ret_problem);
