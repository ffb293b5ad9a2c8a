#pragma once

/* The last steps into an image, after which the process has the image's memory only.
 *
 * image_land() is called in the image's own copy of the program, because the calling program
 * disappears under it: the memory of the image is mapped already, beside that of the program. It
 * uses no function, no variable and no thread-local storage, whose place is not known until its
 * end. */

#include "image/format.h"

#include <stdint.h>
#include <sys/prctl.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) &&                 \
    !defined(__SANITIZE_THREAD__)
#    define IMAGE_SUPPORTED 1
#else
#    define IMAGE_SUPPORTED 0
#endif

/* What image_land() needs, in memory that stays mapped. */
struct image_plan {
    struct image_registers registers; /* of image_save() */
    uint64_t thread_pointer;
    uint64_t thread_id;
    uint64_t robust_list, robust_list_size;
    uint64_t rseq, rseq_size;

    uint64_t old_rseq, old_rseq_size; /* of the calling program; 0: not registered */
    struct prctl_mm_map layout, old_layout;

    uint64_t n_moves; /* of the vDSO and its data; the sizes are equal */
    struct {
        struct image_range from, to;
    } moves[IMAGE_MAX_VVARS + 1];

    const struct image_range *gaps; /* all memory that the image does not have */
    uint64_t n_gaps;
    void *message; /* what image_save() returns in the image */
};

/* What image_save() returns: NULL and false, and again, in the image, the plan's message and true.
 */
struct image_return {
    void *message;
    uint64_t is_thawed;
};

/* Saves the registers that a function call preserves, as setjmp(3) does. */
struct image_return image_save(struct image_registers *ret) __attribute__((returns_twice));

/* Takes the process over to the image. The calling process has one thread, and all signals are
 * blocked. Does not return on success. Returns -errno if the kernel refuses: then everything is as
 * before. Stack: the image_enter() below. */
long image_land(const struct image_plan *plan);

/* Calls `land`, the image's image_land(), on another stack, whose end (a multiple of 16) is given.
 */
long image_enter(const struct image_plan *plan, void *stack_end, uint64_t land);
