#pragma once

/* What an import leaves behind that does not work in forked processes: threads, which they do not
 * have, and event loops and connections, which they share. */

#include <stdbool.h>
#include <stddef.h>

/* The sockets that were open before an import. */
struct fork_safety {
    struct socket *sockets; /* on the heap; `n_sockets` of them */
    size_t n_sockets;
};

/* Records the sockets that are open now, except the standard streams. */
void fork_safety_init(struct fork_safety *ret);
void fork_safety_done(struct fork_safety *before);

/* Whether all of these sockets are still open, with the same descriptors. */
bool fork_safety_has_sockets(const struct fork_safety *before);

/* Describes the threads and event loops that exist now, and the connected stream sockets that have
 * been opened since: a list for the log, on the heap, or NULL if there are none. */
char *fork_safety_describe(const struct fork_safety *before);
