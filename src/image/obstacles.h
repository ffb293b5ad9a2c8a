#pragma once

/* What an import may leave that an image cannot hold: open descriptors, threads, child processes,
 * and changed attributes of the process. (Memory that an image cannot hold is found by
 * inventory.h.)
 */

#include <stddef.h>

struct problem;

/* The process before the import. */
struct obstacles {
    char *status; /* on the heap, as limits */
    char *limits;
    int descriptors[16]; /* that are open, beside the standard streams */
    int n_descriptors;
};

/* Call it before the import. Returns 0 or -errno; -E2BIG if too many descriptors are open. */
int obstacles_init(struct obstacles *ret);
void obstacles_done(struct obstacles *before);

/* The part that needs no `before`: threads and children. As obstacles_find. */
int obstacles_find_tasks(struct problem *ret_problem);

/* Call it after the import, in the process that has imported. Descriptors that were open before are
 * the caller's. Waits a little for threads that are
 * about to end. Returns 0; or 1 with *ret_problem, which names an obstacle and says what would
 * help.
 */
int obstacles_find(const struct obstacles *before, struct problem *ret_problem);
