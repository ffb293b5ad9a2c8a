#pragma once

/* Notices that something happens to the sources of the app: inotify(7). What that means is for
 * sources.h to say. */

#include "server/sources.h"

/* Begins to watch them. Returns a descriptor that can be read after something has happened there,
 * or -errno. */
int watch_open(const struct sources *sources);

/* Takes in what has happened. */
void watch_read(int fd);
