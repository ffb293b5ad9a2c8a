#include "server/remains.h"

#include "log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* They are no children of this process, so that only looking tells when they have ended. */
#define LOOK_INTERVAL (100 * USEC_PER_MSEC)

enum {
    MAX_GROUPS = sizeof(((struct remains *)0)->groups) / sizeof(((struct remains *)0)->groups[0])
};

/* Not a group whose leader is there: that is another one, which got the number. Nor one that cannot
 * be signalled. */
bool remains_are_there(pid_t group)
{
    return kill(-group, 0) == 0 && kill(group, 0) < 0 && errno == ESRCH;
}

static void forget(struct remains *remains, size_t i)
{
    remains->count--;
    memmove(&remains->groups[i], &remains->groups[i + 1],
        (remains->count - i) * sizeof(remains->groups[0]));
}

/* Returns whether there was somebody. */
static bool kill_group(pid_t group)
{
    return remains_are_there(group) && kill(-group, SIGKILL) == 0;
}

void remains_terminate(pid_t group)
{
    kill(-group, SIGTERM);
    kill(-group, SIGCONT); /* or one that is stopped would not notice */
}

void remains_add(struct remains *remains, pid_t group, usec_t deadline)
{
    if (remains->count == MAX_GROUPS) {
        kill_group(remains->groups[0].group);
        forget(remains, 0);
    }
    remains->groups[remains->count].group = group;
    remains->groups[remains->count++].deadline = deadline;
}

/* Returns whether the group is to be looked at again. */
static bool look(pid_t group, usec_t deadline, usec_t *next)
{
    if (!remains_are_there(group))
        return false;
    if (!deadline_is_due(deadline, next))
        return true;
    if (kill_group(group))
        log_line(LOG_WARNING,
            "killed the processes left running by process %d (--leftover-timeout)", group);
    return false;
}

void remains_look(struct remains *remains, usec_t *next)
{
    for (size_t i = remains->count; i-- > 0;)
        if (!look(remains->groups[i].group, remains->groups[i].deadline, next))
            forget(remains, i);
    if (remains->count > 0)
        deadline_wake(deadline_now() + LOOK_INTERVAL, next);
}

void remains_kill(struct remains *remains)
{
    while (remains->count > 0)
        kill_group(remains->groups[--remains->count].group);
}
