#pragma once

/* What systemd is told of the server: sd_notify(3). Without NOTIFY_SOCKET nothing is done. */

#include "base/deadline.h"

/* Hides the service manager's variables from what this process runs and starts from now on. */
void notify_disable(void);

/* The app is served: now, or again after a reload. */
void notify_ready(void);

/* The new app is being tried. */
void notify_reloading(void);

/* The end has begun. */
void notify_stopping(void);

/* Starting, or stopping, needs this long (microseconds) from now on. */
void notify_extend(usec_t time);

/* The server is alive. */
void notify_watchdog(void);

/* One line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often systemd wants to hear that the server is alive, in microseconds; 0: never. */
usec_t notify_watchdog_interval(void);
