#pragma once

/* What requests leave running: the processes that are in the process group of a worker when it has
 * ended. Likewise what an import leaves running, in the process group of its template.
 *
 * They get SIGTERM, and some time to tidy up: for example, the resource tracker of multiprocessing
 * removes shared memory when all that use it have ended. Those that are still there after that are
 * killed. Nobody waits for them meanwhile: the slot of the worker is free.
 *
 * When is it safe to signal a group, of which only the number is known? No other one gets the
 * number as long as the group has a member; the zombie of the leader is one, too. But while that is
 * there, nobody can tell whether there is another member. So the leader is reaped first, and then
 * the group is asked for: most requests leave nothing, and cost no more than that. When a group
 * becomes empty, the kernel may use its number again. So each look asks whether there is a process
 * with that number: if so, it leads another group. The looks are so frequent that between two of
 * them hardly a group ends, and another one gets the number and loses its leader; and that one
 * would have to belong to the same user. (A pidfd would be exact, from Linux 6.9 on.)
 */

#include "base/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Zeroed at first. */
struct leftovers {
    size_t count;
    struct {
        pid_t group;
        usec_t deadline;
    } groups[256]; /* the oldest first */
};

/* Tells all others in the process group of a child to end: when it has ended, before it is reaped.
 */
void leftovers_terminate(pid_t group);

/* After the child was reaped: whether somebody is left in its process group. */
bool leftovers_exist(pid_t group);

/* Remembers such a group, which is to be killed when the deadline passes (DEADLINE_NEVER: never).
 * When there are too many, the oldest one is killed now. */
void leftovers_add(struct leftovers *leftovers, pid_t group, usec_t deadline);

/* Forgets the groups that are empty, and kills those whose deadline has passed, with a line for the
 * log. *next becomes the time at which to look again, if that is earlier. */
void leftovers_check(struct leftovers *leftovers, usec_t *next);

/* Kills all of them, and forgets them. */
void leftovers_kill(struct leftovers *leftovers);
