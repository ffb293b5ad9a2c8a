#pragma once

/* A file that replaces another one, or none, only when it is complete: also after a crash of the
 * machine. */

#include <limits.h>
#include <stdint.h>

struct problem;

/* Creates the file beside `path`, with mode 0600 and a name that no other process has, not even one
 * of another namespace with the same ID; ret_name: that name. Does not allocate, and uses no state
 * of the C library. Returns the descriptor, or -1 with *ret_problem and an empty name. */
int new_file_create(const char *path, char ret_name[static PATH_MAX], struct problem *ret_problem);

/* Returns 0 or -errno. */
int new_file_write(int fd, const void *data, uint64_t size, uint64_t offset);

/* Writes the file to the disk, gives it the name `path` and closes it, after r was 0: otherwise
 * only closes it and returns r. `name` becomes empty on success. Returns 0 or -errno. */
int new_file_finish(int fd, int r, char name[static PATH_MAX], const char *path);

/* Removes the file, unless the name is empty, and empties the name. */
void new_file_remove(char name[static PATH_MAX]);
