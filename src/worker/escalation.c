#include "worker/escalation.h"

enum escalation_step escalation_next(struct escalation *escalation, usec_t *next)
{
    usec_t grace = escalation->dumped ? escalation->grace : 0;

    if (escalation->deadline == DEADLINE_NEVER ||
        !deadline_is_due(escalation->deadline + grace, next))
        return ESCALATION_NONE;
    if (escalation->dumped) {
        escalation->deadline = DEADLINE_NEVER;
        return ESCALATION_KILL;
    }
    escalation->dumped = true;
    escalation->deadline = deadline_now();
    deadline_update_next(escalation->deadline + escalation->grace, next);
    return ESCALATION_DUMP;
}
