#pragma once

/* --reload: what the server knows of the sources, and who waits for the code that is in them.
 *
 * A request that comes after a save gets the new code. So a client is handed over to a spare only
 * if the last attempt to import the app began after it had arrived, or if the sources are as that
 * attempt found them. Else there is another attempt first; and while there is one, only those do
 * not wait who came before the one that has ended began: else frequent reloads would starve them.
 * inotify makes for an attempt as soon as something is saved, but nothing depends on it.
 *
 * An import may write sources itself, each time. What has changed during an attempt makes for
 * another one; but what has changed during that one as well waits for a client, or for a change
 * after it.
 */

#include "server/sources.h"
#include "server/template.h"
#include "server/waiting_room.h"

struct reloader {
    struct waiting_room room;
    struct sources tried; /* as the last attempt found them */
    usec_t began;         /* when that was; it has ended since */
    usec_t failed;        /* when it did, or 0 */
    uint64_t after;       /* what was in the sources when it had ended */
    unsigned disturbed;   /* so many attempts in a row ended with other sources than they found */
    int watch;            /* see watch.h, or -1 */
    usec_t look;          /* when to look at the sources, because something has happened there */
    uint64_t seen;        /* what was there the last time */
};

#define RELOADER_NONE                                                                              \
    ((struct reloader){.room = {.events = -1}, .tried = SOURCES_NONE, .watch = -1})

/* Returns 0 or -errno. */
int reloader_init(
    struct reloader *ret, const struct options *options, const struct activation *activation);
void reloader_done(struct reloader *reloader);

/* The import of an app has ended, and has noted its sources in `generation`. */
void reloader_import_ended(struct reloader *reloader, struct template *generation, bool failed);

/* There was to be one, but it could not be started: nobody is to wait for it. */
void reloader_import_not_started(struct reloader *reloader);

/* Something has happened in the room, or at its door. */
void reloader_accept(struct reloader *reloader);

/* Something has happened to the sources. */
void reloader_sources_changed(struct reloader *reloader);

/* Does what is due: above all, hands clients over to spares of the current generation. Returns
 * whether there is to be an attempt now, never if `is_trying`, because there is one; then it is to
 * be called again. *next: see deadline.h. */
bool reloader_run_due(struct reloader *reloader, struct template *current, bool is_trying,
    const struct scoreboard *board, usec_t *next);
