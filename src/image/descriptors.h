#pragma once

/* The descriptors that an import leaves open: which of them an image can hold, and how a process
 * that starts from the image opens them again. */

#include "image/format.h"
#include "image/image.h"

#include <limits.h>
#include <stdbool.h>

struct problem;

/* Describes the open descriptor: all but `path` and `same`; its name goes to `path`. Returns 0, or
 * 1 with *ret_problem, which names what an image cannot hold and says what would help. */
int descriptor_describe(
    int fd, struct image_descriptor *ret, char path[static PATH_MAX], struct problem *ret_problem);

/* Whether two descriptors, with these descriptions, share one open file description, as after
 * dup(2): then they share its offset. Moves that for a moment. */
bool descriptors_are_same(const struct image_descriptor *a, const struct image_descriptor *b);

/* Writes the numbers of the descriptors that are open beside the standard streams, in order. Does
 * not allocate. Returns how many there are, or -errno; -E2BIG if there are more than `size`. */
int descriptors_list(int *numbers, size_t size);

/* What descriptors_open has done, to undo it. */
struct descriptors {
    const struct image *image;
    uint64_t n_open;
    int connection; /* the descriptor that the process keeps */
    int before;     /* where it was */
};

/* Opens the descriptors of the image, under the same numbers. `connection` gets another number, in
 * *ret, if the image has its own. Each file must be the one that the import has opened. Returns 0,
 * or -1 with *ret_problem. Call descriptors_undo if the process does not continue with the image.
 */
int descriptors_open(struct descriptors *ret, const struct image *image, int connection,
    struct problem *ret_problem);
void descriptors_undo(struct descriptors *descriptors);
