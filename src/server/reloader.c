#include "server/reloader.h"

#include "log/log.h"
#include "server/watch.h"

#include <string.h>
#include <unistd.h>

/* How long nothing more has to change before the sources are taken to be complete. */
#define SOURCES_SETTLE (100 * USEC_PER_MSEC)

int reloader_init(
    struct reloader *ret, const struct options *options, const struct activation *activation)
{
    *ret = (struct reloader){.watch = -1, .tried = SOURCES_NONE, .look = DEADLINE_NEVER};
    return waiting_room_init(&ret->room, activation, options->timeouts.head);
}

static void stop_watching(struct reloader *reloader)
{
    if (reloader->watch >= 0)
        close(reloader->watch);
    reloader->watch = -1;
}

void reloader_done(struct reloader *reloader)
{
    waiting_room_done(&reloader->room);
    sources_done(&reloader->tried);
    stop_watching(reloader);
}

static void look_soon(struct reloader *reloader)
{
    if (reloader->look == DEADLINE_NEVER)
        reloader->look = deadline_now() + SOURCES_SETTLE;
}

/* Only after the watch has begun: what changes then is seen. */
static void look_after_attempt(struct reloader *reloader)
{
    reloader->after = sources_look(&reloader->tried);
    reloader->disturbed = reloader->after == reloader->tried.state ? 0 : reloader->disturbed + 1;
    if (reloader->disturbed == 1)
        look_soon(reloader);
}

void reloader_import_ended(struct reloader *reloader, struct template *generation, bool failed)
{
    reloader->began = generation->started;
    reloader->failed = failed ? deadline_now() : 0;
    sources_done(&reloader->tried);
    reloader->tried = generation->sources;
    generation->sources = SOURCES_NONE;
    sources_load(&reloader->tried);
    stop_watching(reloader);
    reloader->watch = watch_open(&reloader->tried);
    if (reloader->watch < 0)
        log_line(LOG_WARNING, "--reload: cannot watch the sources: %s", strerror(-reloader->watch));
    look_after_attempt(reloader);
}

void reloader_import_not_started(struct reloader *reloader)
{
    reloader->began = deadline_now();
}

void reloader_accept(struct reloader *reloader)
{
    int r = waiting_room_poll(&reloader->room);

    if (r < 0)
        log_line(LOG_WARNING, "cannot accept connections for now: %s", strerror(-r));
}

void reloader_sources_changed(struct reloader *reloader)
{
    watch_read(reloader->watch);
    look_soon(reloader);
}

/* Whether the sources have changed, and do no more. */
static bool has_changes(struct reloader *reloader, usec_t *next)
{
    if (!deadline_is_due(reloader->look, next))
        return false;
    reloader->look = DEADLINE_NEVER;
    uint64_t now = sources_look(&reloader->tried);
    if (now == reloader->tried.state || (now == reloader->after && reloader->disturbed > 1))
        return false;
    if (now == reloader->seen)
        return true;
    reloader->seen = now;
    look_soon(reloader);
    deadline_update_next(reloader->look, next);
    return false;
}

/* Whether one who arrived then has to wait for another attempt. If the app cannot be served, so has
 * whoever comes after that: whatever it failed for may be mended. */
static bool is_outdated(const struct reloader *reloader, usec_t arrived, bool is_served)
{
    return (!is_served && arrived > reloader->failed) ||
        sources_look(&reloader->tried) != reloader->tried.state;
}

/* Hands the first one over to a spare that waits. Returns whether there was one. */
static bool hand_over(
    struct reloader *reloader, struct template *generation, const struct scoreboard *board)
{
    /* One that said that it is ready may have died. */
    size_t spares = scoreboard_count(board, SLOT_SPARE, SLOT_SPARE, generation->number);

    generation->ready_spares += queue_count_ready(&generation->queue);
    if (generation->ready_spares > spares)
        generation->ready_spares = spares;
    if (generation->ready_spares == 0 || !queue_put(&generation->queue, &reloader->room))
        return false;
    generation->ready_spares--;
    return true;
}

/* Returns whether the first one needs another attempt. */
static bool admit_clients(struct reloader *reloader, struct template *current, bool is_trying,
    const struct scoreboard *board)
{
    usec_t arrived;

    while (current->ready && (arrived = waiting_room_first(&reloader->room)) != 0) {
        if (arrived > reloader->began &&
            (is_trying || is_outdated(reloader, arrived, current->failure == 0)))
            return !is_trying;
        if (!hand_over(reloader, current, board))
            return false;
    }
    return false;
}

bool reloader_run_due(struct reloader *reloader, struct template *current, bool is_trying,
    const struct scoreboard *board, usec_t *next)
{
    waiting_room_enforce(&reloader->room, next);
    if (!is_trying && has_changes(reloader, next))
        return true;
    return admit_clients(reloader, current, is_trying, board);
}
