/* Processes that requests leave running: src/server/leftovers.h. */

#include "server/leftovers.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process group: its leader, and a member that the leader leaves running. The member ignores
 * SIGTERM, and exits when the writing end of a pipe is closed. */
struct group {
    pid_t leader, member;
    int stop; /* the writing end */
};

static _Noreturn void run_member(int stop)
{
    char byte;

    _exit(read(stop, &byte, 1) < 0);
}

static _Noreturn void run_leader(int report, const int stop[2])
{
    setpgid(0, 0);
    signal(SIGTERM, SIG_IGN);
    close(stop[1]);
    pid_t member = fork();
    if (member == 0)
        run_member(stop[0]);
    _exit(write(report, &member, sizeof(member)) < 0);
}

/* Returns a group whose leader has become a zombie. */
static struct group start_group(void)
{
    struct group group;
    siginfo_t info;
    int report[2], stop[2];

    if (pipe(report) < 0 || pipe(stop) < 0)
        _exit(1);
    group.leader = fork();
    if (group.leader == 0)
        run_leader(report[1], stop);
    if (read(report[0], &group.member, sizeof(group.member)) != sizeof(group.member))
        _exit(1);
    waitid(P_PID, (id_t)group.leader, &info, WEXITED | WNOWAIT);
    close(report[0]);
    close(report[1]);
    close(stop[0]);
    group.stop = stop[1];
    return group;
}

static void reap_leader(const struct group *group)
{
    leftovers_terminate(group->leader);
    waitpid(group->leader, NULL, 0);
}

/* Returns the status of the member, which has become a child of this process. */
static int stop_group(const struct group *group)
{
    int status = -1;

    close(group->stop);
    waitpid(group->member, &status, 0);
    return status;
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void test_none(void)
{
    pid_t leader = fork();

    if (leader == 0) {
        setpgid(0, 0);
        _exit(0);
    }
    unit_case("a process that leaves no other one");
    waitpid(leader, NULL, 0);
    unit_ok(!leftovers_exist(leader), "there are no leftovers");
}

static void test_grace(void)
{
    struct group group = start_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("a process that leaves another one, which exits in time");
    reap_leader(&group);
    unit_ok(leftovers_exist(group.leader), "there are leftovers");
    leftovers_add(&leftovers, group.leader, deadline_now() + 1000 * USEC_PER_SEC);
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 1);
    unit_ok(next <= deadline_now() + USEC_PER_SEC, "the next check is soon");
    unit_same_int("status", stop_group(&group), 0);
    next = DEADLINE_NEVER;
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 0);
    unit_same_number("the next check", next, DEADLINE_NEVER);
}

static void test_deadline(void)
{
    struct group group = start_group(), other = start_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("the deadline passes");
    reap_leader(&group);
    reap_leader(&other);
    leftovers_add(&leftovers, group.leader, deadline_now());
    leftovers_add(&leftovers, other.leader, DEADLINE_NEVER);
    leftovers_check(&leftovers, &next);
    unit_ok(was_killed(stop_group(&group)), "the process was killed");
    unit_same_number("groups", leftovers.count, 1);
    unit_same_int("status of the one without a deadline", stop_group(&other), 0);
}

static void test_at_once(void)
{
    struct group groups[] = {start_group(), start_group()};
    struct leftovers leftovers = {0};

    unit_case("all are killed at once");
    for (int i = 0; i < 2; i++) {
        reap_leader(&groups[i]);
        leftovers_add(&leftovers, groups[i].leader, DEADLINE_NEVER);
    }
    leftovers_kill(&leftovers);
    unit_same_number("groups", leftovers.count, 0);
    for (int i = 0; i < 2; i++)
        unit_ok(was_killed(stop_group(&groups[i])), "group %d was killed", i);
}

/* The kernel may use the ID of a group that has become empty for another process. */
static void test_other_group(void)
{
    struct group group = start_group();
    struct leftovers leftovers = {0};
    usec_t next = DEADLINE_NEVER;

    unit_case("another group with the same ID, whose leader exists");
    unit_ok(!leftovers_exist(group.leader), "it does not count as leftovers");
    leftovers_add(&leftovers, group.leader, 0);
    leftovers_check(&leftovers, &next);
    unit_same_number("groups", leftovers.count, 0);
    leftovers_add(&leftovers, group.leader, 0);
    leftovers_kill(&leftovers);
    unit_same_int("status", stop_group(&group), 0);
    waitpid(group.leader, NULL, 0);
}

static void test_too_many(void)
{
    struct group group = start_group(), second = start_group();
    struct leftovers leftovers = {0};
    size_t room = sizeof(leftovers.groups) / sizeof(leftovers.groups[0]);

    unit_case("too many groups");
    reap_leader(&group);
    reap_leader(&second);
    leftovers_add(&leftovers, group.leader, DEADLINE_NEVER);
    leftovers_add(&leftovers, second.leader, DEADLINE_NEVER);
    for (int i = 0; leftovers.count < room; i++)
        leftovers_add(&leftovers, INT_MAX - i, DEADLINE_NEVER); /* not a valid process ID */
    leftovers_add(&leftovers, INT_MAX - 1000, DEADLINE_NEVER);
    unit_same_number("groups", leftovers.count, room);
    unit_ok(was_killed(stop_group(&group)), "the oldest one was killed");
    unit_same_int("status of the second one", stop_group(&second), 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* children must not inherit buffered output, and print it */
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* to get the exit status of the members */
    test_none();
    test_grace();
    test_deadline();
    test_at_once();
    test_other_group();
    test_too_many();
    return unit_done();
}
