#pragma once

/* The server's handle of a template: starts it, signals it, enforces its deadlines.
 *
 * One template is current. Another one may be on trial, to replace it. Old templates were told to
 * exit, and are kept until they have.
 */

#include "base/deadline.h"
#include "server/sources.h"
#include "server/template_process.h"
#include "server/waiting_room.h"
#include "worker/escalation.h"

#include <stdbool.h>
#include <sys/types.h>

struct template
{
    pid_t pid;   /* 0: there is none */
    int control; /* the server's end of the socket, see template_process.h; -1: closed */
    unsigned number;
    int failure;            /* it answers 500, because of this exit status; 0: it serves the app */
    bool ready;             /* its first worker can accept */
    struct queue queue;     /* with --reload: where its spares get connections */
    size_t ready_spares;    /* with --reload: known to wait for a connection */
    struct sources sources; /* with --reload: what its import has read */
    usec_t started;         /* just before it was forked */
    struct escalation import; /* --import-timeout; no deadline once it is ready */
    usec_t exit_deadline;     /* of an old template */
};

#define TEMPLATE_NONE                                                                              \
    ((struct template){.control = -1,                                                              \
        .queue = QUEUE_NONE,                                                                       \
        .sources = SOURCES_NONE,                                                                   \
        .import = {.deadline = DEADLINE_NEVER}})

/* Initialized with zeros. */
struct old_templates {
    struct template *templates; /* on the heap; those with a pid of 0 are free places */
    size_t size;
};

/* Forks a template, and sets *ret. Completes `config` with the template's ends of the sockets. In
 * the new process in_child(data) is called first, to close what belongs to the server only. Returns
 * 0 or -errno. */
int template_start(
    struct template_config *config, void (*in_child)(void *data), void *data, struct template *ret);

/* Tells the template that a slot has become free. */
void template_wake(const struct template *template);

/* Takes the steps of escalation.h that are due because the app is not imported in time. *next
 * becomes the time at which to call this again, if that is earlier. */
void template_enforce_deadline(struct template *template, usec_t *next);

/* Kills the template, if there is one. Its leftovers are left to the caller that reaps it, see
 * leftovers.h. */
void template_kill(const struct template *template);

/* Closes the control socket of a template that has exited. */
void template_close_control(struct template *template);

/* Closes the server's ends of the sockets, and frees the sources. */
void template_close(struct template *template);

/* Makes the template exit, and adds it to the old ones. *template becomes TEMPLATE_NONE. */
void template_retire(struct template *template, struct old_templates *old_templates);

/* Returns the old template with this process, or NULL. */
struct template *old_templates_find(struct old_templates *old_templates, pid_t pid);

/* Kills the old templates that have not exited in time; all of them if `at_once`. *next as above.
 */
void old_templates_enforce_deadlines(
    struct old_templates *old_templates, bool at_once, usec_t *next);

/* Frees the memory. Every old template must have exited. */
void old_templates_done(struct old_templates *old_templates);

bool old_templates_are_gone(const struct old_templates *old_templates);
