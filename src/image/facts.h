#pragma once

/* What an app could see, at its import, of how its process was started: the command line, the
 * environment, the working directory, users, signals, the machine. An image fits only if all of
 * this is as it was. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* Pairs of a label and a value, each with its terminator. The text is on the heap. */
struct facts {
    char *text;
    size_t size;
};

/* Collects the facts of this process. argv: without --freeze and --image, which are left out; up to
 * a NULL. mask: the signals that were blocked when the program was started. Variables that differ
 * with each start (facts_is_of_start) are left out. Call it before the import, and when the
 * standard streams are those of serving. Returns 0 or -errno. */
int facts_collect(struct facts *ret, char *const *argv, const sigset_t *mask);
void facts_done(struct facts *facts);

/* Returns NULL if the facts are equal, or the label of a difference, such as "the environment
 * variable TZ"; it is borrowed from one of the two. `old` ends with a terminator. */
const char *facts_find_difference(const struct facts *old, const struct facts *now);

/* Whether the variable differs with each start by design: LISTEN_FDS, INVOCATION_ID and the like.
 * name: up to a '=' or its terminator. */
bool facts_is_of_start(const char *name);
