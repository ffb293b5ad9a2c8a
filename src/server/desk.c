#include "server/desk.h"

#include "server/watch.h"

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

void desk_begin_attempt(struct desk *desk)
{
    desk->began = deadline_now();
}

int desk_end_attempt(struct desk *desk, struct generation *generation, bool failed)
{
    desk->failed = failed ? deadline_now() : 0;
    sources_done(&desk->tried);
    desk->tried = generation->sources;
    generation->sources = SOURCES_NONE;
    sources_load(&desk->tried);
    stop_watching(desk);
    desk->watch = watch_open(&desk->tried);
    return desk->watch < 0 ? desk->watch : 0;
}

void desk_notice(struct desk *desk)
{
    watch_read(desk->watch);
    if (desk->look == DEADLINE_NEVER)
        desk->look = deadline_now() + SOURCES_SETTLE;
}

bool desk_has_changes(struct desk *desk, usec_t *next)
{
    if (!deadline_is_due(desk->look, next))
        return false;
    desk->look = DEADLINE_NEVER;
    uint64_t now = sources_look(&desk->tried);
    if (now == desk->tried.state)
        return false;
    if (now == desk->seen)
        return true;
    desk->seen = now;
    desk->look = deadline_now() + SOURCES_SETTLE;
    deadline_wake(desk->look, next);
    return false;
}

bool desk_has_client(const struct desk *desk)
{
    return waiting_room_first(&desk->room) != 0;
}

bool desk_is_outdated(const struct desk *desk, bool failed)
{
    usec_t arrived = waiting_room_first(&desk->room);

    if (desk->began >= arrived)
        return false;
    return (failed && arrived > desk->failed) || sources_look(&desk->tried) != desk->tried.state;
}

bool desk_hand_over(
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
