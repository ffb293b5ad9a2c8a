#pragma once

/* The server's side of a template: its start, what the server says to it, its end.
 *
 * One is current; one may be on trial, to take over; those before have been told to leave, and are
 * remembered until they have.
 */

#include "deadline.h"
#include "server/sources.h"
#include "server/template.h"
#include "server/waiting_room.h"

#include <stdbool.h>
#include <sys/types.h>

struct generation {
    pid_t pid;   /* 0: there is none */
    int control; /* see server/template.h; -1: closed */
    unsigned number;
    int failure;            /* the exit status that it excuses to the clients, or 0 */
    bool ready;             /* its first worker can accept */
    bool overdue;           /* --import-timeout has passed */
    struct queue queue;     /* with --reload: where its spares get connections */
    size_t ready_spares;    /* with --reload: those that can take one, as far as known */
    struct sources sources; /* with --reload: what its import has read */
    usec_t started;         /* not later than its import */
    usec_t deadline;
};

#define GENERATION_NONE                                                                            \
    ((struct generation){.control = -1, .queue = QUEUE_NONE, .sources = SOURCES_NONE})

/* Those that were told to leave, and places for more. Zeroed at first. */
struct retired {
    struct generation *generations;
    size_t size;
};

/* Forks a template. It is given `template` with its end of the socket, after in_child(data) in the
 * new process, which is to close what is the server's alone. Returns 0 or -errno. */
int generation_start(struct generation *generation, struct template *template,
    void (*in_child)(void *data), void *data);

/* A slot has become free: it may want it. */
void generation_nudge(const struct generation *generation);

/* Ends a template that is not ready when its deadline passes, after the tracebacks that show where
 * it hangs. *next becomes the time at which to ask again, if that is earlier. */
void generation_enforce_deadline(struct generation *generation, usec_t *next);

/* Kills it, if there is one. What its import has started is the business of whoever reaps it, see
 * remains.h. */
void generation_kill(const struct generation *generation);

/* Closes the socket of a template that has left. */
void generation_hang_up(struct generation *generation);

/* Closes the server's ends of its sockets, and forgets its sources. */
void generation_close(struct generation *generation);

/* Makes a template leave, and remembers it; *generation is none afterwards. */
void generation_retire(struct generation *generation, struct retired *retired);

/* The one with this process, or NULL. */
struct generation *retired_find(struct retired *retired, pid_t pid);

/* Kills those that should have left; all of them if `at_once`. *next as above. */
void retired_enforce(struct retired *retired, bool at_once, usec_t *next);

/* None may be there any more. */
void retired_done(struct retired *retired);

bool retired_are_gone(const struct retired *retired);
