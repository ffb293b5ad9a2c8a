#pragma once

/* The server's side of a template: its start, what the server says to it, its end.
 *
 * One is current; one may be on trial, to take over; those before have been told to leave, and are
 * remembered until they have.
 */

#include "base/deadline.h"
#include "server/sources.h"
#include "server/template_process.h"
#include "server/waiting_room.h"

#include <stdbool.h>
#include <sys/types.h>

struct template
{
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

#define TEMPLATE_NONE                                                                              \
    ((struct template){.control = -1, .queue = QUEUE_NONE, .sources = SOURCES_NONE})

/* Those that were told to leave, and places for more. Zeroed at first. */
struct old_templates {
    struct template *generations;
    size_t size;
};

/* Forks a template. It is given `template` with its end of the socket, after in_child(data) in the
 * new process, which is to close what is the server's alone. Returns 0 or -errno. */
int template_start(struct template *generation, struct template_config *template,
    void (*in_child)(void *data), void *data);

/* A slot has become free: it may want it. */
void template_notify(const struct template *generation);

/* Ends a template that is not ready when its deadline passes, after the tracebacks that show where
 * it hangs. *next becomes the time at which to ask again, if that is earlier. */
void template_enforce_deadline(struct template *generation, usec_t *next);

/* Kills it, if there is one. What its import has started is the business of whoever reaps it, see
 * leftovers.h. */
void template_kill(const struct template *generation);

/* Closes the socket of a template that has left. */
void template_close_control(struct template *generation);

/* Closes the server's ends of its sockets, and forgets its sources. */
void template_close(struct template *generation);

/* Makes a template leave, and remembers it; *generation is none afterwards. */
void template_retire(struct template *generation, struct old_templates *old_templates);

/* The one with this process, or NULL. */
struct template *old_templates_find(struct old_templates *old_templates, pid_t pid);

/* Kills those that should have left; all of them if `at_once`. *next as above. */
void old_templates_enforce_deadlines(
    struct old_templates *old_templates, bool at_once, usec_t *next);

/* None may be there any more. */
void old_templates_done(struct old_templates *old_templates);

bool old_templates_are_gone(const struct old_templates *old_templates);
