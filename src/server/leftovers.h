#pragma once

/* What an import left behind and forked workers cannot have, or would share: threads and connected
 * sockets. */

#include <stddef.h>
#include <sys/types.h>

struct sockets {
    ino_t *inodes; /* on the heap; `count` of them */
    size_t count;
};

/* Remembers the sockets that are open now, which are no leftovers. */
void sockets_init(struct sockets *sockets);
void sockets_done(struct sockets *sockets);

/* What there is of threads and, beyond `before`, of connected sockets: words for the log, on the
 * heap, or NULL when all is well. */
char *leftovers_describe(const struct sockets *before);
