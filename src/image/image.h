#pragma once

/* An image that was opened, checked in itself, and read but for its pages. */

#include "image/format.h"

struct problem;

/* Why a process cannot start from an image, or -1. */
enum {
    IMAGE_MISSING = 1, /* there is no such file */
    IMAGE_STAYS = 2,   /* a new image would not help, or there can be none */
};

struct image {
    int fd;
    void *tables; /* on the heap; begins with the header */
    const struct image_header *header;
    const struct image_mapping *mappings;
    const struct image_run *runs;
    const struct image_file *files;
    const struct image_descriptor *descriptors;
    const char *strings;
};

/* Opens the file. It must belong to this user or to root, must not be writable by others, and must
 * be valid (image_validate). Returns 0; or IMAGE_MISSING or -1 with *ret_problem, and *ret is as if
 * image_done had been called. */
int image_open(const char *path, struct image *ret, struct problem *ret_problem);
void image_done(struct image *image);
