#pragma once

/* Watches the sources of the app: inotify(7). */

#include <stdbool.h>

/* Begins to watch directories, as python_list_source_directories gives them. Returns a descriptor
 * that can be read after something has happened there, or -errno. */
int watch_open(const char *directories);

/* Takes in what has happened. Returns whether a file of Python code came, changed or went. */
bool watch_read(int fd);
