#pragma once

/* What the kernel knows about a process beside its memory, and what a forked process inherits: the
 * actions of signals and the alternate signal stack. The image keeps it in its memory. */

#include <signal.h>
#include <stdint.h>

enum { IMAGE_SIGNALS = 64 };

/* As in rt_sigaction(2): the C library hides some signals that it uses. */
struct image_action {
    uint64_t handler, flags, restorer, mask;
};

struct image_state {
    struct image_action actions[IMAGE_SIGNALS];
    stack_t stack;
};

/* Returns 0 or -errno. */
int image_state_save(struct image_state *ret);

/* Call it in the process that has been thawed, while all signals are blocked. Returns 0 or -errno.
 */
int image_state_restore(const struct image_state *state);
