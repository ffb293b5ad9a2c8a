#include "server/leftovers.h"

#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* They are no children of this process, so that only looking tells when they have ended. */
#define LOOK_INTERVAL (100 * USEC_PER_MSEC)

enum {
    MAX_GROUPS =
        sizeof(((struct leftovers *)0)->groups) / sizeof(((struct leftovers *)0)->groups[0])
};

/* Not a group whose leader is there: that is another one, which got the number. Nor one that cannot
 * be signalled. */
bool leftovers_exist(pid_t group)
{
    return kill(-group, 0) == 0 && kill(group, 0) < 0 && errno == ESRCH;
}

static void forget(struct leftovers *leftovers, size_t i)
{
    leftovers->count--;
    memmove(&leftovers->groups[i], &leftovers->groups[i + 1],
        (leftovers->count - i) * sizeof(leftovers->groups[0]));
}

/* Returns whether there was somebody. */
static bool kill_group(pid_t group)
{
    return leftovers_exist(group) && kill(-group, SIGKILL) == 0;
}

void leftovers_terminate(pid_t group)
{
    kill(-group, SIGTERM);
    kill(-group, SIGCONT); /* or one that is stopped would not notice */
}

void leftovers_add(struct leftovers *leftovers, pid_t group, usec_t deadline)
{
    if (leftovers->count == MAX_GROUPS) {
        kill_group(leftovers->groups[0].group);
        forget(leftovers, 0);
    }
    leftovers->groups[leftovers->count].group = group;
    leftovers->groups[leftovers->count++].deadline = deadline;
}

/* Returns whether the group is to be looked at again. */
static bool look(pid_t group, usec_t deadline, usec_t *next)
{
    if (!leftovers_exist(group))
        return false;
    if (!deadline_is_due(deadline, next))
        return true;
    if (kill_group(group))
        log_line(LOG_WARNING,
            "killed the processes left running by process %d (--leftover-timeout)", group);
    return false;
}

void leftovers_check(struct leftovers *leftovers, usec_t *next)
{
    for (size_t i = leftovers->count; i-- > 0;)
        if (!look(leftovers->groups[i].group, leftovers->groups[i].deadline, next))
            forget(leftovers, i);
    if (leftovers->count > 0)
        deadline_update_next(deadline_now() + LOOK_INTERVAL, next);
}

void leftovers_kill(struct leftovers *leftovers)
{
    while (leftovers->count > 0)
        kill_group(leftovers->groups[--leftovers->count].group);
}
