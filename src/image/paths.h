#pragma once

/* What an absolute path says of itself, and the symbolic links that it leads through. */

#include <limits.h>
#include <stdbool.h>

enum {
    PATHS_ROOM = 2 * PATH_MAX,
    PATHS_MAX_LINKS = 40, /* the kernel follows no more: path_resolution(7) */
};

/* Whether the path is the directory or below it, without "..", which could lead out again. */
bool paths_is_below(const char *path, const char *directory);

/* Whether the path leads through a directory that a process has open. In another process, such as
 * this one, it leads elsewhere. */
bool paths_is_through_process(const char *path);

/* Whether the kernel makes up what is there: below /proc, /sys and /dev, but not /dev/shm. */
bool paths_is_made_up(const char *path);

/* If the path leads through a symbolic link, sets *ret_link to the first one, puts what the link
 * contains in its place, and returns true. */
bool paths_follow_link(char path[static PATHS_ROOM], char ret_link[static PATHS_ROOM]);
