#pragma once

/* What an import left behind and forked workers cannot have, or would share: threads, event loops
 * and connections. */

#include <stdbool.h>
#include <stddef.h>

struct sockets {
    struct socket *sockets; /* on the heap; `count` of them */
    size_t count;
};

/* Remembers the sockets that are open now, but for the standard streams. */
void sockets_init(struct sockets *sockets);
void sockets_done(struct sockets *sockets);

/* Whether all of them are still open, under their numbers. */
bool sockets_are_open(const struct sockets *sockets);

/* What there is of threads, event loops and, beyond `before`, of connected stream sockets: words
 * for the log, on the heap, or NULL when all is well. */
char *fork_safety_describe(const struct sockets *before);
