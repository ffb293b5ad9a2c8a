#pragma once

/* Messages to the service manager about the state of the server: sd_notify(3). Without
 * NOTIFY_SOCKET these functions do nothing. No function fails: a message that cannot be sent is no
 * reason not to serve. */

#include "base/deadline.h"

/* Removes the service manager's variables from the environment, so that neither this process nor
 * the programs that it starts can use them. */
void notify_disable(void);

/* READY=1: the server serves the app, at the start or again after a reload. */
void notify_ready(void);

/* RELOADING=1: the server is trying to import the app again. */
void notify_reloading(void);

/* STOPPING=1: the server has begun to stop. */
void notify_stopping(void);

/* EXTEND_TIMEOUT_USEC=: starting or stopping takes up to `time` microseconds from now. */
void notify_extend(usec_t time);

/* WATCHDOG=1: the server is alive. */
void notify_watchdog(void);

/* STATUS=: one line for `systemctl status`, cut at 511 bytes. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often systemd expects notify_watchdog() (WatchdogSec=), in microseconds; 0: never. */
usec_t notify_watchdog_interval(void);
