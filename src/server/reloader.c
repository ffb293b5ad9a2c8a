#include "server/reloader.h"

#include "log/log.h"
#include "server/watch.h"

#include <string.h>
#include <unistd.h>

/* The sources count as complete when they have not changed for this long. */
#define SOURCES_SETTLE (100 * USEC_PER_MSEC)

int reloader_init(struct reloader *ret, const struct activation *activation, usec_t head_timeout)
{
    *ret = (struct reloader){.watch = -1, .sources = SOURCES_NONE, .check_at = DEADLINE_NEVER};
    return waiting_room_init(&ret->room, activation, head_timeout);
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
    sources_done(&reloader->sources);
    stop_watching(reloader);
}

static void check_soon(struct reloader *reloader)
{
    if (reloader->check_at == DEADLINE_NEVER)
        reloader->check_at = deadline_now() + SOURCES_SETTLE;
}

/* Call this after the watch has begun: it reports all later changes. */
static void check_after_import(struct reloader *reloader)
{
    uint64_t state = sources_hash(&reloader->sources);
    bool changed = state != reloader->sources.state;

    reloader->state_after = state;
    reloader->changed_imports = changed ? reloader->changed_imports + 1 : 0;
    if (reloader->changed_imports == 1)
        check_soon(reloader);
}

void reloader_import_ended(struct reloader *reloader, struct template *template, bool failed)
{
    reloader->import_began = template->started;
    reloader->import_failed = failed ? deadline_now() : 0;
    sources_done(&reloader->sources);
    reloader->sources = template->sources;
    template->sources = SOURCES_NONE;
    sources_load(&reloader->sources);
    stop_watching(reloader);
    reloader->watch = watch_open(&reloader->sources);
    if (reloader->watch < 0)
        log_line(LOG_WARNING, "--reload: cannot watch the sources: %s", strerror(-reloader->watch));
    check_after_import(reloader);
}

void reloader_import_not_started(struct reloader *reloader)
{
    reloader->import_began = deadline_now();
}

void reloader_accept(struct reloader *reloader)
{
    int r = waiting_room_poll(&reloader->room);

    if (r < 0)
        log_line(LOG_WARNING, "cannot accept connections for now: %s", strerror(-r));
}

void reloader_sources_changed(struct reloader *reloader)
{
    watch_drain(reloader->watch);
    check_soon(reloader);
}

/* Whether the sources have changed, and have not changed again since the previous check. */
static bool has_changes(struct reloader *reloader, usec_t *next)
{
    if (!deadline_is_due(reloader->check_at, next))
        return false;
    reloader->check_at = DEADLINE_NEVER;
    uint64_t now = sources_hash(&reloader->sources);
    if (now == reloader->sources.state ||
        (now == reloader->state_after && reloader->changed_imports > 1))
        return false;
    if (now == reloader->state_seen)
        return true;
    reloader->state_seen = now;
    check_soon(reloader);
    deadline_update_next(reloader->check_at, next);
    return false;
}

/* Whether a request that arrived then needs another import. After a failed import, each later
 * request does: the cause may have been removed, and need not be in the sources. */
static bool is_outdated(const struct reloader *reloader, usec_t arrived, bool is_served)
{
    return (!is_served && arrived > reloader->import_failed) ||
        sources_hash(&reloader->sources) != reloader->sources.state;
}

/* Hands the client that has waited longest over to a ready spare. Returns whether there was one. */
static bool hand_over(
    struct reloader *reloader, struct template *template, const struct scoreboard *board)
{
    /* A spare may have died after it reported that it is ready. */
    size_t spares = scoreboard_count(board, SLOT_SPARE, SLOT_SPARE, template->number);

    template->ready_spares += queue_count_ready(&template->queue);
    if (template->ready_spares > spares)
        template->ready_spares = spares;
    if (template->ready_spares == 0 || !queue_put(&template->queue, &reloader->room))
        return false;
    template->ready_spares--;
    return true;
}

/* Returns whether the client that has waited longest needs another import. */
static bool hand_over_clients(struct reloader *reloader, struct template *current,
    bool is_importing, const struct scoreboard *board)
{
    usec_t arrived;

    while (current->ready && (arrived = waiting_room_first_arrival(&reloader->room)) != 0) {
        if (arrived > reloader->import_began &&
            (is_importing || is_outdated(reloader, arrived, current->failure == 0)))
            return !is_importing;
        if (!hand_over(reloader, current, board))
            return false;
    }
    return false;
}

bool reloader_run_due(struct reloader *reloader, struct template *current, bool is_importing,
    const struct scoreboard *board, usec_t *next)
{
    waiting_room_enforce_deadlines(&reloader->room, next);
    if (!is_importing && has_changes(reloader, next))
        return true;
    return hand_over_clients(reloader, current, is_importing, board);
}
