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

/* Call it once, before the import. Returns 0 or -errno; -E2BIG if too many descriptors are open. */
int obstacles_init(struct obstacles *ret);
void obstacles_done(struct obstacles *before);

/* Call it after the import, in the process that has imported: finds child processes, descriptors
 * and attributes. Descriptors that were open before are the caller's. Returns 0; or 1 with
 * *ret_problem, which names an obstacle and says what would help. */
int obstacles_find(const struct obstacles *before, struct problem *ret_problem);

/* Call it just before the fork of the process that will be frozen: then threads are counted that
 * do not end for the fork. */
void obstacles_count_threads_at_fork(void);

/* Call it in that process: finds these threads, and child processes of its own. As obstacles_find.
 */
int obstacles_find_tasks(struct problem *ret_problem);
