#pragma once

/* Watches the sources of the app with inotify(7). An event only means that something has happened
 * to them; whether they have changed is found out with sources.h. */

#include "server/sources.h"

/* Starts to watch. Returns a descriptor, which the caller closes and which becomes readable when
 * something happens to the sources, or -errno. */
int watch_open(const struct sources *sources);

/* Discards the events that are pending. Does not block. */
void watch_drain(int fd);
