#pragma once

/* The deadline of the whole request, which ends the process.
 *
 * An app that hangs cannot be asked to stop, so a timer's signal does it, whatever the app is
 * doing: the client gets 504 if nothing of an answer is on its way, or an answer that is visibly
 * cut off; the tracebacks of all threads are printed; the exit status is EX_TEMPFAIL. A real-time
 * signal, because SIGALRM is the app's.
 */

#include "net/conn.h"
#include "worker/scoreboard.h"

#include <signal.h>
#include <stdbool.h>

/* The signal on which the interpreter is to print the tracebacks of all threads. */
#define DUMP_SIGNAL (SIGRTMAX - 1)

/* Starts the timer for the connection, which is to stay until request_timer_forget_connection. What
 * became of the request is said in the report (may be NULL), because the handler can write no
 * record of it. Times are in microseconds; without a timeout (0) nothing is started. The signal
 * interrupts the calling thread. Returns 0 or -1 with errno. */
int request_timer_start(
    struct conn *conn, struct report *report, usec_t timeout, usec_t linger_timeout);

/* The head is complete: how the request is called in the log, and whether its method is HEAD.
 * Before, the client is late, not the app: it gets 408, or no answer when it sent nothing. */
void request_timer_set_request(const char *name, bool is_head);

/* The connection is closed; the timer goes on for what the app does after its answer. */
void request_timer_forget_connection(void);
