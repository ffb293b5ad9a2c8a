#pragma once

/* Points in time that an operation must not pass, on the clock that never jumps. */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in microseconds. */
typedef uint64_t usec_t;

#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)
#define DEADLINE_NEVER UINT64_MAX

static inline usec_t deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

/* The deadline that a timeout gives from now on; a timeout of 0 gives none. */
static inline usec_t deadline_after(usec_t timeout)
{
    usec_t now = deadline_now();

    return timeout == 0 || timeout > DEADLINE_NEVER - now ? DEADLINE_NEVER : now + timeout;
}

/* *next, when to wake up, is not later than the deadline; which may have passed already. */
static inline void deadline_update_next(usec_t deadline, usec_t *next)
{
    if (deadline < *next)
        *next = deadline;
}

/* Whether it is time; else *next, when to wake up, is not later than that. Who does not look at the
 * answer would sleep through a deadline that passes at this moment. */
__attribute__((warn_unused_result)) static inline bool deadline_is_due(
    usec_t deadline, usec_t *next)
{
    if (deadline <= deadline_now())
        return true;
    deadline_update_next(deadline, next);
    return false;
}

/* The time left, as poll(2) wants it: milliseconds rounded up, 0 when passed, -1 for ever. */
static inline int deadline_poll_timeout(usec_t deadline)
{
    if (deadline == DEADLINE_NEVER)
        return -1;

    usec_t now = deadline_now();
    usec_t left = deadline > now ? (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}
