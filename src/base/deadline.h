#pragma once

/* Deadlines: points in time by which an operation must have ended. They are on CLOCK_MONOTONIC,
 * which never jumps. */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A point in time, or a duration, in microseconds. */
typedef uint64_t usec_t;

#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)
#define DEADLINE_NEVER UINT64_MAX /* no deadline */

static inline usec_t deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

/* The deadline that is `timeout` from now: DEADLINE_NEVER for a timeout of 0, which means none. */
static inline usec_t deadline_after(usec_t timeout)
{
    usec_t now = deadline_now();

    return timeout == 0 || timeout > DEADLINE_NEVER - now ? DEADLINE_NEVER : now + timeout;
}

/* Lowers *next, the time at which the caller will wake up, to the deadline if that is earlier. The
 * deadline may have passed already. */
static inline void deadline_update_next(usec_t deadline, usec_t *next)
{
    if (deadline < *next)
        *next = deadline;
}

/* Returns whether the deadline has passed. If it has not, lowers *next like deadline_update_next. A
 * caller must use the result: *next does not include a deadline that has just passed, so the caller
 * would sleep through it. */
__attribute__((warn_unused_result)) static inline bool deadline_is_due(
    usec_t deadline, usec_t *next)
{
    if (deadline <= deadline_now())
        return true;
    deadline_update_next(deadline, next);
    return false;
}

/* The time left as the timeout of poll(2): in milliseconds, rounded up so that the deadline has
 * passed after it; 0 if it has passed already, -1 for DEADLINE_NEVER. */
static inline int deadline_poll_timeout(usec_t deadline)
{
    if (deadline == DEADLINE_NEVER)
        return -1;

    usec_t now = deadline_now();
    usec_t left = deadline > now ? (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}
