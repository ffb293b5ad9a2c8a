#pragma once

/* Puts the memory of an image into this process, beside the present memory. */

#include "image/image.h"
#include "image/land.h"

#include <stddef.h>

struct problem;

/* What was mapped, to undo it. */
struct placement {
    const struct image *image;
    size_t n_mappings;       /* that are in place */
    struct image_range vdso; /* reserved for the vDSO and its data; 0: not yet */
};

/* Maps everything at its address, and reads its pages. Each file is checked against what the image
 * knows of it. Returns 0; or IMAGE_STAYS if there is other memory at one of the addresses, or -1,
 * with *ret_problem. Call placement_undo if the process does not continue with the image. */
int placement_make(struct placement *ret, const struct image *image, struct problem *ret_problem);
void placement_undo(struct placement *placement);
