#pragma once

/* What an import may leave that an image cannot hold: open descriptors, threads, child processes,
 * and changed attributes of the process. (Memory that an image cannot hold is found by
 * inventory.h.)
 */

#include <stddef.h>

struct problem;

/* The attributes of the process before the import; on the heap. */
struct obstacles {
    char *status;
    char *limits;
};

/* Call it before the import. Returns 0 or -errno. */
int obstacles_init(struct obstacles *ret);
void obstacles_done(struct obstacles *before);

/* The parts that need no `before`: threads and children; descriptors. As obstacles_find. */
int obstacles_find_tasks(struct problem *ret_problem);
int obstacles_find_descriptors(const int *keep, size_t n_keep, struct problem *ret_problem);

/* Call it after the import, in the process that has imported. keep: `n_keep` descriptors that are
 * the caller's; standard streams are never an obstacle. Waits a little for threads that are about
 * to end. Returns 0; or 1 with *ret_problem, which names an obstacle and says what would help. */
int obstacles_find(
    const struct obstacles *before, const int *keep, size_t n_keep, struct problem *ret_problem);
