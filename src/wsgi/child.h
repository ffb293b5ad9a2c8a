#pragma once

/* Children that the app forks and that return to the server's code. Internal to wsgi/. */

#include <sys/types.h>

/* Exits like a script that ends, or that raised the current exception, unless this process is
 * `server`. Such a child must not use the connection, which belongs to the server. Does not return
 * in a child. */
void child_exit_if_forked(pid_t server);
