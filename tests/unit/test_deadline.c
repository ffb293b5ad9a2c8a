/* Deadlines: src/base/deadline.h. */

#include "base/deadline.h"
#include "unit.h"

static void test_after(void)
{
    usec_t before = deadline_now(), deadline = deadline_after(USEC_PER_SEC);

    unit_case("a timeout");
    unit_ok(deadline >= before + USEC_PER_SEC, "it is not too early");
    unit_ok(deadline <= deadline_now() + USEC_PER_SEC, "it is not too late");
    unit_same_number("no timeout", deadline_after(0), DEADLINE_NEVER);
    unit_same_number(
        "a timeout that overflows", deadline_after(DEADLINE_NEVER - 1), DEADLINE_NEVER);
}

/* Returns *next after deadline_update_next. */
static usec_t updated(usec_t deadline, usec_t next)
{
    deadline_update_next(deadline, &next);
    return next;
}

static void test_update_next(void)
{
    usec_t now = deadline_now(), later = now + 1000 * USEC_PER_SEC;

    unit_case("the time to wake up");
    unit_same_number("a deadline to come", updated(later, DEADLINE_NEVER), later);
    unit_same_number("a deadline that has just passed", updated(now, DEADLINE_NEVER), now);
    unit_same_number("a deadline after the time to wake up", updated(later, later - 1), later - 1);
    unit_same_number("no deadline", updated(DEADLINE_NEVER, DEADLINE_NEVER), DEADLINE_NEVER);
}

static void test_is_due(void)
{
    usec_t now = deadline_now(), later = now + 1000 * USEC_PER_SEC, next = DEADLINE_NEVER;

    unit_case("whether a deadline has passed");
    unit_ok(deadline_is_due(0, &next), "one that was never set");
    unit_ok(deadline_is_due(now, &next), "one that has passed");
    unit_same_number("*next", next, DEADLINE_NEVER);
    unit_ok(!deadline_is_due(later, &next), "not one to come");
    unit_same_number("*next", next, later);
    unit_ok(!deadline_is_due(DEADLINE_NEVER, &next), "not DEADLINE_NEVER");
    unit_same_number("*next", next, later);
}

static void test_poll_timeout(void)
{
    unit_case("the timeout of poll(2)");
    unit_same_int("no deadline", deadline_poll_timeout(DEADLINE_NEVER), -1);
    unit_same_int("a deadline that has passed", deadline_poll_timeout(deadline_now()), 0);
    unit_same_int(
        "a deadline beyond the range of int", deadline_poll_timeout(DEADLINE_NEVER - 1), INT_MAX);
    int left = deadline_poll_timeout(deadline_now() + 1000 * USEC_PER_SEC);
    unit_ok(left > 900 * 1000 && left <= 1000 * 1000, "milliseconds: %d", left);
    unit_ok(deadline_poll_timeout(deadline_now() + USEC_PER_SEC / 2) > 0, "rounded up, not down");
}

int main(void)
{
    test_after();
    test_update_next();
    test_is_due();
    test_poll_timeout();
    return unit_done();
}
