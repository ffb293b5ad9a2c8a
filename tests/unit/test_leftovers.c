/* What requests leave running: src/server/leftovers.h. */

#include "server/leftovers.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process group: its leader, and a process that the leader leaves, which ignores SIGTERM and
 * lasts until the pipe is closed. */
struct group {
    pid_t leader, left;
    int end;
};

static _Noreturn void last(int end)
{
    char byte;

    _exit(read(end, &byte, 1) < 0);
}

static _Noreturn void lead(int tell, const int end[2])
{
    setpgid(0, 0);
    signal(SIGTERM, SIG_IGN);
    close(end[1]);
    pid_t left = fork();
    if (left == 0)
        last(end[0]);
    _exit(write(tell, &left, sizeof(left)) < 0);
}

/* Its leader is a zombie then. */
static struct group begin_group(void)
{
    struct group group;
    siginfo_t info;
    int tell[2], end[2];

    if (pipe(tell) < 0 || pipe(end) < 0)
        _exit(1);
    group.leader = fork();
    if (group.leader == 0)
        lead(tell[1], end);
    if (read(tell[0], &group.left, sizeof(group.left)) != sizeof(group.left))
        _exit(1);
    waitid(P_PID, (id_t)group.leader, &info, WEXITED | WNOWAIT);
    close(tell[0]);
    close(tell[1]);
    close(end[0]);
    group.end = end[1];
    return group;
}

static void reap_leader(const struct group *group)
{
    leftovers_terminate(group->leader);
    waitpid(group->leader, NULL, 0);
}

/* Returns the status of what the leader left, which is this process's child now. */
static int end_group(const struct group *group)
{
    int status = -1;

    close(group->end);
    waitpid(group->left, &status, 0);
    return status;
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void test_nobody(void)
{
    pid_t leader = fork();

    if (leader == 0) {
        setpgid(0, 0);
        _exit(0);
    }
    unit_case("a process that leaves nobody");
    waitpid(leader, NULL, 0);
    unit_ok(!leftovers_exist(leader), "nobody is there");
}

static void test_grace(void)
{
    struct group group = begin_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("a process that leaves another one, which ends in time");
    reap_leader(&group);
    unit_ok(leftovers_exist(group.leader), "somebody is there");
    leftovers_add(&leftovers, group.leader, deadline_now() + 1000 * USEC_PER_SEC);
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 1);
    unit_ok(next <= deadline_now() + USEC_PER_SEC, "the next look is soon");
    unit_same_int("status", end_group(&group), 0);
    next = DEADLINE_NEVER;
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 0);
    unit_same_number("the next look", next, DEADLINE_NEVER);
}

static void test_deadline(void)
{
    struct group group = begin_group(), other = begin_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("the deadline passes");
    reap_leader(&group);
    reap_leader(&other);
    leftovers_add(&leftovers, group.leader, deadline_now());
    leftovers_add(&leftovers, other.leader, DEADLINE_NEVER);
    leftovers_check(&leftovers, &next);
    unit_ok(was_killed(end_group(&group)), "who was late was killed");
    unit_same_number("groups", leftovers.count, 1);
    unit_same_int("the other one's status", end_group(&other), 0);
}

static void test_at_once(void)
{
    struct group groups[] = {begin_group(), begin_group()};
    struct leftovers leftovers = {0};

    unit_case("all at once");
    for (int i = 0; i < 2; i++) {
        reap_leader(&groups[i]);
        leftovers_add(&leftovers, groups[i].leader, DEADLINE_NEVER);
    }
    leftovers_kill(&leftovers);
    unit_same_number("groups", leftovers.count, 0);
    for (int i = 0; i < 2; i++)
        unit_ok(was_killed(end_group(&groups[i])), "group %d was killed", i);
}

/* The kernel gives the number of a group that has become empty to another process, some time. */
static void test_other_group(void)
{
    struct group group = begin_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("another group with the number, whose leader is there");
    unit_ok(!leftovers_exist(group.leader), "it is none that was left");
    leftovers_add(&leftovers, group.leader, 0);
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 0);
    leftovers_add(&leftovers, group.leader, 0);
    leftovers_kill(&leftovers);
    unit_same_int("status", end_group(&group), 0);
    waitpid(group.leader, NULL, 0);
}

static void test_too_many(void)
{
    struct group group = begin_group(), second = begin_group();
    struct leftovers leftovers = {0};
    size_t room = sizeof(leftovers.groups) / sizeof(leftovers.groups[0]);

    unit_case("more groups than there is room for");
    reap_leader(&group);
    reap_leader(&second);
    leftovers_add(&leftovers, group.leader, DEADLINE_NEVER);
    leftovers_add(&leftovers, second.leader, DEADLINE_NEVER);
    for (int i = 0; leftovers.count < room; i++)
        leftovers_add(&leftovers, INT_MAX - i, DEADLINE_NEVER); /* beyond all process numbers */
    leftovers_add(&leftovers, INT_MAX - 1000, DEADLINE_NEVER);
    unit_same_number("groups", leftovers.count, room);
    unit_ok(was_killed(end_group(&group)), "the oldest one was killed");
    unit_same_int("the second one's status", end_group(&second), 0);
}

int main(void)
{
    setvbuf(
        stdout, NULL, _IOLBF, 0); /* what was printed is not to be printed by children as well */
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* to see how they end */
    test_nobody();
    test_grace();
    test_deadline();
    test_at_once();
    test_other_group();
    test_too_many();
    return unit_done();
}
