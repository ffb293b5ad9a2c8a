#pragma once

/* --reload: what the server knows of the sources, and who waits for the code that is in them.
 *
 * A request that comes after a save gets the new code. So a client is handed over to a spare only
 * if the last attempt to import the app began after it had arrived, or if the sources are as that
 * attempt found them. Else there is another attempt first; and while there is one, all wait.
 * inotify makes for an attempt as soon as something is saved, but nothing depends on it.
 */

#include "server/generation.h"
#include "server/sources.h"
#include "server/waiting_room.h"

struct desk {
    struct waiting_room room;
    struct sources tried; /* as the last attempt found them */
    usec_t began;         /* when that was */
    usec_t failed;        /* when it did, or 0 */
    int watch;            /* see watch.h, or -1 */
    usec_t look;          /* when to look at the sources, because something has happened there */
    uint64_t seen;        /* what was there the last time */
};

#define DESK_NONE ((struct desk){.room = {.events = -1}, .tried = SOURCES_NONE, .watch = -1})

/* Returns 0 or -errno. */
int desk_init(struct desk *ret, const struct options *options, const struct activation *activation);
void desk_done(struct desk *desk);

/* The import of an app begins; it has ended, and has noted its sources in `generation`. Returns 0,
 * or -errno when they cannot be watched, which is only a pity. */
void desk_begin_attempt(struct desk *desk);
int desk_end_attempt(struct desk *desk, struct generation *generation, bool failed);

/* Something has happened to the sources. */
void desk_notice(struct desk *desk);

/* Whether the sources have changed, and do no more. */
bool desk_has_changes(struct desk *desk, usec_t *next);

/* Whether the first of the clients has to wait for another attempt. One who comes after an attempt
 * has failed has, if `failed` is what is being served: whatever it failed for may be mended. */
bool desk_is_outdated(const struct desk *desk, bool failed);

/* Whether somebody waits who has said something. */
bool desk_has_client(const struct desk *desk);

/* Hands the first one over to a spare that waits. Returns whether there was one. */
bool desk_hand_over(
    struct desk *desk, struct generation *generation, const struct scoreboard *board);
