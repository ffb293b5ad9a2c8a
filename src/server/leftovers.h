#pragma once

/* Leftovers: the processes that a request leaves running, which are those in the process group of a
 * worker after the worker has exited. Likewise those that an import leaves running, in the process
 * group of its template.
 *
 * They get SIGTERM, and some time to clean up: for example, the resource tracker of multiprocessing
 * removes shared memory once all its users have exited. Those that still run after that are killed.
 * No request waits for them: the slot of the worker is free in the meantime.
 *
 * When is it safe to signal a process group of which only the ID is known? The kernel does not use
 * the ID again while the group has a member, and the zombie of the leader counts as one. But while
 * that zombie exists, nobody can find out whether there is another member. So the leader is reaped
 * first, and the group is checked then: most requests leave nothing, and this check is all they
 * cost. When a group has become empty, the kernel may use its ID again. So every check also looks
 * for a process with this ID: if there is one, it leads a different group. A wrong group is hit
 * only if one becomes empty, another one gets its ID, and that one loses its leader, all between
 * two checks 100 ms apart; and both must belong to the same user. (A pidfd would be exact, from
 * Linux 6.9 on.)
 */

#include "base/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LEFTOVERS_MAX = 256 };

/* Initialized with zeros. */
struct leftovers {
    size_t count;
    struct {
        pid_t group;
        usec_t deadline;
    } groups[LEFTOVERS_MAX]; /* the oldest first */
};

/* Sends SIGTERM to the process group of a child. Call it after the child has exited and before it
 * is reaped. */
void leftovers_terminate(pid_t group);

/* Whether a process group has members. Call it after its leader, a child, was reaped. */
bool leftovers_exist(pid_t group);

/* Adds such a group, to be killed at the deadline (DEADLINE_NEVER: never). When there are too many,
 * the oldest one is killed now. */
void leftovers_add(struct leftovers *leftovers, pid_t group, usec_t deadline);

/* Forgets groups that have become empty, and kills those whose deadline has passed, which is
 * logged. *next becomes the time of the next check, if that is earlier. */
void leftovers_check(struct leftovers *leftovers, usec_t *next);

/* Kills one group. Returns whether it had members. */
bool leftovers_kill_group(pid_t group);

/* Kills all groups, and forgets them. */
void leftovers_kill(struct leftovers *leftovers);
