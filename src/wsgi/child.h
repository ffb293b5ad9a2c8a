#pragma once

/* Children that the app forked and that come back into the server. Internal to wsgi/. */

#include <sys/types.h>

/* Ends the process as sys.exit() would, with the exception that is set if there is one, unless it
 * is the server: its connection is none of a child's business. Does not return in a child. */
void child_exit_if_forked(pid_t server);
