#pragma once

/* What is known of a file without reading it, so that a change is seen with one stat(2).
 *
 * - Of a regular file or a symbolic link: everything. Whatever writes, replaces, touches or
 *   retargets it sets the time of the last change, which no program can set back.
 * - Of a directory: its type and mode. What is looked up in it has an identity of its own, and a
 *   directory like /tmp is another one for each start of a service (PrivateTmp=).
 * - Of a directory whose names were read: which names, too.
 * - Of sockets, pipes and devices: type and mode.
 */

#include <stdbool.h>
#include <stdint.h>

struct identity {
    uint64_t device, inode, size;
    uint64_t modified, changed; /* nanoseconds since 1970, modulo 2^64 */
    uint64_t names;             /* of a listing: hash of the names and types in it, else 0 */
    uint64_t mode;
};

/* The identity of what the path leads to, or of the symbolic link itself. Returns 0 or -errno. */
int identity_get(const char *path, bool follow, struct identity *ret);

/* The identity of a directory whose names count; of anything else, that of identity_get. Reads the
 * directory only if `names` is set, and leaves names 0 otherwise. Returns 0 or -errno. */
int identity_get_listing(const char *path, bool names, struct identity *ret);

bool identity_equal(const struct identity *a, const struct identity *b);

/* Whether the same names are in both directories, whatever happened to them in between. */
bool identity_lists_equal(const struct identity *a, const struct identity *b);
