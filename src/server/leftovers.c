#include "server/leftovers.h"

#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* They are not children of this process, so no SIGCHLD reports their exit. */
#define CHECK_INTERVAL (100 * USEC_PER_MSEC)

/* A group whose leader exists is a different one, which got the ID. A group that this process may
 * not signal does not count either. */
bool leftovers_exist(pid_t group)
{
    return kill(-group, 0) == 0 && kill(group, 0) < 0 && errno == ESRCH;
}

static void leftovers_remove(struct leftovers *leftovers, size_t i)
{
    leftovers->count--;
    memmove(&leftovers->groups[i], &leftovers->groups[i + 1],
        (leftovers->count - i) * sizeof(leftovers->groups[0]));
}

bool leftovers_kill_group(pid_t group)
{
    return leftovers_exist(group) && kill(-group, SIGKILL) == 0;
}

void leftovers_terminate(pid_t group)
{
    kill(-group, SIGTERM);
    kill(-group, SIGCONT); /* a stopped process gets SIGTERM only once it continues */
}

void leftovers_add(struct leftovers *leftovers, pid_t group, usec_t deadline)
{
    if (leftovers->count == LEFTOVERS_MAX) {
        leftovers_kill_group(leftovers->groups[0].group);
        leftovers_remove(leftovers, 0);
    }
    leftovers->groups[leftovers->count].group = group;
    leftovers->groups[leftovers->count++].deadline = deadline;
}

/* Returns whether the group must be checked again. */
static bool check_group(pid_t group, usec_t deadline, usec_t *next)
{
    if (!leftovers_exist(group))
        return false;
    if (!deadline_is_due(deadline, next))
        return true;
    if (leftovers_kill_group(group))
        log_line(LOG_WARNING,
            "killed the processes left running by process %d (--leftover-timeout)", group);
    return false;
}

void leftovers_check(struct leftovers *leftovers, usec_t *next)
{
    for (size_t i = leftovers->count; i-- > 0;)
        if (!check_group(leftovers->groups[i].group, leftovers->groups[i].deadline, next))
            leftovers_remove(leftovers, i);
    if (leftovers->count > 0)
        deadline_update_next(deadline_now() + CHECK_INTERVAL, next);
}

void leftovers_kill(struct leftovers *leftovers)
{
    while (leftovers->count > 0)
        leftovers_kill_group(leftovers->groups[--leftovers->count].group);
}
