#pragma once

/* What the server reports about itself: to systemd (sd_notify(3)), and its start to the journal. */

#include "server/server_state.h"

/* How much time to request from systemd at once, in microseconds. */
#define STATUS_EXTENSION (15 * USEC_PER_SEC)

/* Updates the line that `systemctl status` shows. */
void status_update(const struct server *server);

/* Logs that the app is served. Only to the journal, which keeps it longer than the status line. */
void status_log_serving(const struct server *server);

/* Requests more time for the start while the app is imported. *next becomes the time at which to
 * call this again, if that is earlier. */
void status_extend_start(struct server *server, usec_t *next);

/* Notifies the watchdog, as long as the loop of the template runs, too. *next: as above. */
void status_notify_watchdog(struct server *server, usec_t *next);
