#pragma once

/* An image that was opened, checked in itself, and read but for its pages. */

#include "image/format.h"

struct problem;

struct image {
    int fd;
    void *tables; /* on the heap; begins with the header */
    const struct image_header *header;
    const struct image_mapping *mappings;
    const struct image_run *runs;
    const struct image_file *files;
    const char *strings;
};

/* Opens the file. It must belong to this user or to root, must not be writable by others, and must
 * be valid (image_validate). Returns 0; 1 if there is no such file; or -1; the latter two with
 * *ret_problem, and *ret is as if image_done had been called. */
int image_open(const char *path, struct image *ret, struct problem *ret_problem);
void image_done(struct image *image);
