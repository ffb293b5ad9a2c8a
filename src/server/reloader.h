#pragma once

/* --reload: tracks the sources of the app, and the clients that wait for the current code.
 *
 * A request that arrives after a file was saved gets the new code. So a client is handed over to a
 * spare in two cases only: the last import began after its request had arrived, or no source has
 * changed since that import. Otherwise the app is imported again first. While an import runs,
 * clients whose request arrived after the previous import began wait for it. Earlier clients do not
 * wait: frequent reloads would starve them. With inotify(7) an import begins as soon as a file is
 * saved, but correctness does not depend on that.
 *
 * An import may itself write sources, every time. If sources change during an import, the app is
 * imported once more. If they change during that import as well, the next one waits for a request,
 * or for a later change.
 */

#include "server/sources.h"
#include "server/template.h"
#include "server/waiting_room.h"

struct reloader {
    struct waiting_room room;
    struct sources sources;   /* as the last import that has ended found them */
    usec_t import_began;      /* when that import began */
    usec_t import_failed;     /* when it failed, or 0 */
    uint64_t state_after;     /* hash of the sources after it */
    unsigned changed_imports; /* imports in a row that ended with changed sources */
    int watch;                /* see watch.h, or -1 */
    usec_t check_at;          /* when to check the sources after an event, or DEADLINE_NEVER */
    uint64_t state_seen;      /* hash of the sources at the last check */
};

#define RELOADER_NONE                                                                              \
    ((struct reloader){.room = {.events = -1}, .sources = SOURCES_NONE, .watch = -1})

/* Starts to accept connections, which are closed when they send nothing for head_timeout
 * (microseconds, 0: never). Borrows the activation. Returns 0 or -errno; reloader_done must
 * follow in both cases. */
int reloader_init(struct reloader *ret, const struct activation *activation, usec_t head_timeout);
void reloader_done(struct reloader *reloader);

/* The import of a template has ended: takes the sources that it has recorded out of `template`. */
void reloader_import_ended(struct reloader *reloader, struct template *template, bool failed);

/* An import could not be started: the clients that wait now do not wait for another one. */
void reloader_import_not_started(struct reloader *reloader);

/* The waiting room has an event. */
void reloader_accept(struct reloader *reloader);

/* The watch has an event. */
void reloader_sources_changed(struct reloader *reloader);

/* Does what is due: above all, hands clients over to spares of the current template. Returns
 * whether the caller must start an import now, and then call this again. Returns false if
 * `is_importing`, because an import is under way. *next: see deadline.h. */
bool reloader_run_due(struct reloader *reloader, struct template *current, bool is_importing,
    const struct scoreboard *board, usec_t *next);
