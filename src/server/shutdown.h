#pragma once

/* The end of the server: it serves no new connections, and exits once no process is left. */

#include "server/server_state.h"

/* Begins the shutdown. `exit_status` becomes the server's. */
void shutdown_begin(struct server *server, int exit_status);

/* A signal stops the server. The first one lets requests in progress finish, for --stop-timeout.
 * The second one does not, nor does it give their leftovers any time. */
void shutdown_stop(struct server *server);

/* Kills what still runs after --stop-timeout. *next becomes the time at which to call this again,
 * if that is earlier. */
void shutdown_enforce_deadline(struct server *server, usec_t *next);

/* Whether no process is left, so that the server can exit. */
bool shutdown_is_complete(const struct server *server);
