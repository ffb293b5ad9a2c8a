#include "server/desk.h"

#include "log.h"
#include "server/watch.h"

#include <string.h>
#include <unistd.h>

/* How long nothing more has to change before the sources are taken to be complete. */
#define SOURCES_SETTLE (100 * USEC_PER_MSEC)

int desk_init(struct desk *ret, const struct options *options, const struct activation *activation)
{
    *ret = (struct desk){.watch = -1, .tried = SOURCES_NONE, .look = DEADLINE_NEVER};
    return waiting_room_init(&ret->room, activation, options->head_timeout);
}

static void stop_watching(struct desk *desk)
{
    if (desk->watch >= 0)
        close(desk->watch);
    desk->watch = -1;
}

void desk_done(struct desk *desk)
{
    waiting_room_done(&desk->room);
    sources_done(&desk->tried);
    stop_watching(desk);
}

static void look_soon(struct desk *desk)
{
    if (desk->look == DEADLINE_NEVER)
        desk->look = deadline_now() + SOURCES_SETTLE;
}

/* Only after the watch has begun: what changes then is seen. */
static void look_after_attempt(struct desk *desk)
{
    desk->after = sources_look(&desk->tried);
    desk->disturbed = desk->after == desk->tried.state ? 0 : desk->disturbed + 1;
    if (desk->disturbed == 1)
        look_soon(desk);
}

void desk_end_attempt(struct desk *desk, struct generation *generation, bool failed)
{
    desk->began = generation->started;
    desk->failed = failed ? deadline_now() : 0;
    sources_done(&desk->tried);
    desk->tried = generation->sources;
    generation->sources = SOURCES_NONE;
    sources_load(&desk->tried);
    stop_watching(desk);
    desk->watch = watch_open(&desk->tried);
    if (desk->watch < 0)
        log_line(LOG_WARNING, "--reload: cannot watch the sources: %s", strerror(-desk->watch));
    look_after_attempt(desk);
}

void desk_miss_attempt(struct desk *desk)
{
    desk->began = deadline_now();
}

void desk_welcome(struct desk *desk)
{
    int r = waiting_room_look(&desk->room);

    if (r < 0)
        log_line(LOG_WARNING, "cannot accept connections for now: %s", strerror(-r));
}

void desk_notice(struct desk *desk)
{
    watch_read(desk->watch);
    look_soon(desk);
}

/* Whether the sources have changed, and do no more. */
static bool has_changes(struct desk *desk, usec_t *next)
{
    if (!deadline_is_due(desk->look, next))
        return false;
    desk->look = DEADLINE_NEVER;
    uint64_t now = sources_look(&desk->tried);
    if (now == desk->tried.state || (now == desk->after && desk->disturbed > 1))
        return false;
    if (now == desk->seen)
        return true;
    desk->seen = now;
    look_soon(desk);
    deadline_wake(desk->look, next);
    return false;
}

/* Whether one who arrived then has to wait for another attempt. If the app cannot be served, so has
 * whoever comes after that: whatever it failed for may be mended. */
static bool is_outdated(const struct desk *desk, usec_t arrived, bool is_served)
{
    return (!is_served && arrived > desk->failed) ||
        sources_look(&desk->tried) != desk->tried.state;
}

/* Hands the first one over to a spare that waits. Returns whether there was one. */
static bool hand_over(
    struct desk *desk, struct generation *generation, const struct scoreboard *board)
{
    /* One that said that it is ready may have died. */
    size_t spares = scoreboard_count(board, SLOT_SPARE, SLOT_SPARE, generation->number);

    generation->ready_spares += queue_count_ready(&generation->queue);
    if (generation->ready_spares > spares)
        generation->ready_spares = spares;
    if (generation->ready_spares == 0 || !queue_put(&generation->queue, &desk->room))
        return false;
    generation->ready_spares--;
    return true;
}

/* Returns whether the first one needs another attempt. */
static bool admit_clients(
    struct desk *desk, struct generation *current, bool is_trying, const struct scoreboard *board)
{
    usec_t arrived;

    while (current->ready && (arrived = waiting_room_first(&desk->room)) != 0) {
        if (arrived > desk->began &&
            (is_trying || is_outdated(desk, arrived, current->failure == 0)))
            return !is_trying;
        if (!hand_over(desk, current, board))
            return false;
    }
    return false;
}

bool desk_tend(struct desk *desk, struct generation *current, bool is_trying,
    const struct scoreboard *board, usec_t *next)
{
    waiting_room_enforce(&desk->room, next);
    if (!is_trying && has_changes(desk, next))
        return true;
    return admit_clients(desk, current, is_trying, board);
}
