/* The steps against a process that misses its deadline: src/worker/escalation.h. */

#include "unit.h"
#include "worker/escalation.h"

#define HOUR (3600 * USEC_PER_SEC)

static struct escalation escalation;
static usec_t next;

static void same_step(enum escalation_step expected)
{
    next = DEADLINE_NEVER;
    unit_same_int("step", escalation_next(&escalation, &next), expected);
}

int main(void)
{
    unit_case("before the deadline nothing is due, and the deadline is next");
    usec_t deadline = deadline_now() + HOUR;
    escalation = (struct escalation){.deadline = deadline, .grace = HOUR};
    same_step(ESCALATION_NONE);
    unit_same_number("next", next, deadline);

    unit_case("without a deadline nothing is ever due");
    escalation = (struct escalation){.deadline = DEADLINE_NEVER, .grace = HOUR};
    same_step(ESCALATION_NONE);
    unit_same_number("next", next, DEADLINE_NEVER);

    unit_case("at the deadline the tracebacks are due, once, and the grace period begins");
    usec_t now = deadline_now();
    escalation = (struct escalation){.deadline = now, .grace = HOUR};
    same_step(ESCALATION_DUMP);
    unit_ok(
        next >= now + HOUR && next < now + 2 * HOUR, "next: in %lld us", (long long)(next - now));
    same_step(ESCALATION_NONE);
    unit_ok(
        next >= now + HOUR && next < now + 2 * HOUR, "next: in %lld us", (long long)(next - now));

    unit_case("after the grace period the kill is due, once");
    escalation = (struct escalation){.deadline = deadline_now(), .grace = 0};
    same_step(ESCALATION_DUMP);
    same_step(ESCALATION_KILL);
    same_step(ESCALATION_NONE);
    unit_same_number("next", next, DEADLINE_NEVER);
    return unit_done();
}
