/* Points in time: src/base/deadline.h. */

#include "base/deadline.h"
#include "unit.h"

static void test_after(void)
{
    usec_t before = deadline_now(), deadline = deadline_after(USEC_PER_SEC);

    unit_case("a timeout");
    unit_ok(deadline >= before + USEC_PER_SEC, "it is not too early");
    unit_ok(deadline <= deadline_now() + USEC_PER_SEC, "it is not too late");
    unit_same_number("no timeout", deadline_after(0), DEADLINE_NEVER);
    unit_same_number("one beyond all time", deadline_after(DEADLINE_NEVER - 1), DEADLINE_NEVER);
}

/* What wakes up at `next` as it was, and looks at a deadline. */
static usec_t wake(usec_t deadline, usec_t next)
{
    deadline_update_next(deadline, &next);
    return next;
}

static void test_wake(void)
{
    usec_t now = deadline_now(), later = now + 1000 * USEC_PER_SEC;

    unit_case("when to wake up");
    unit_same_number("for what is to come", wake(later, DEADLINE_NEVER), later);
    unit_same_number("for what has just passed", wake(now, DEADLINE_NEVER), now);
    unit_same_number("for what comes first", wake(later, later - 1), later - 1);
    unit_same_number("for nothing", wake(DEADLINE_NEVER, DEADLINE_NEVER), DEADLINE_NEVER);
}

static void test_is_due(void)
{
    usec_t now = deadline_now(), later = now + 1000 * USEC_PER_SEC, next = DEADLINE_NEVER;

    unit_case("what is due");
    unit_ok(deadline_is_due(0, &next), "what never was set");
    unit_ok(deadline_is_due(now, &next), "what has passed");
    unit_same_number("when to wake up", next, DEADLINE_NEVER);
    unit_ok(!deadline_is_due(later, &next), "not what is to come");
    unit_same_number("when to wake up", next, later);
    unit_ok(!deadline_is_due(DEADLINE_NEVER, &next), "nor what never comes");
    unit_same_number("when to wake up", next, later);
}

static void test_poll_timeout(void)
{
    unit_case("what poll(2) is told");
    unit_same_int("for ever", deadline_poll_timeout(DEADLINE_NEVER), -1);
    unit_same_int("not at all", deadline_poll_timeout(deadline_now()), 0);
    unit_same_int("as long as it can be", deadline_poll_timeout(DEADLINE_NEVER - 1), INT_MAX);
    int left = deadline_poll_timeout(deadline_now() + 1000 * USEC_PER_SEC);
    unit_ok(left > 900 * 1000 && left <= 1000 * 1000, "milliseconds: %d", left);
    unit_ok(deadline_poll_timeout(deadline_now() + USEC_PER_SEC / 2) > 0, "not too early");
}

int main(void)
{
    test_after();
    test_wake();
    test_is_due();
    test_poll_timeout();
    return unit_done();
}
