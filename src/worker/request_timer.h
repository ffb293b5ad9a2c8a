#pragma once

/* The deadline of the whole request (--request-timeout), which ends the process.
 *
 * An app that hangs cannot be asked to stop. So the signal of a timer ends the process, whatever
 * the app is doing: the client gets 504, or the visible end of an incomplete response if a part of
 * it was sent already; the interpreter prints the tracebacks of all threads; the exit status is
 * EX_TEMPFAIL. The signal is a real-time signal, because SIGALRM is left to the app.
 */

#include "net/conn.h"
#include "worker/scoreboard.h"

#include <signal.h>
#include <stdbool.h>

/* The signal on which the interpreter prints the tracebacks of all threads. */
#define DUMP_SIGNAL (SIGRTMAX - 1)

/* Starts the timer for the connection, which must exist until request_timer_forget_connection. The
 * handler cannot write an access record; it stores the outcome in the report (may be NULL). The
 * timeout is in microseconds; 0 means no deadline. The signal interrupts the calling thread.
 * Returns 0, or -1 with errno. */
int request_timer_start(struct conn *conn, struct report *report, usec_t timeout);

/* Sets the name of the request for the log, and whether its method is HEAD. Call it when the head
 * is complete. Before that, a deadline is exceeded by the client, not by the app: the client gets
 * 408, or no response if it has sent nothing. */
void request_timer_set_request(const char *name, bool is_head);

/* Call it when the connection is closed. The deadline still applies to what the app does after its
 * response. */
void request_timer_forget_connection(void);
