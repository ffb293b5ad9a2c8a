#pragma once

/* Messages to the admin.
 *
 * If standard error is connected to the journal, each message is a record with a priority, an ID
 * and fields that journalctl(1) can match (systemd.journal-fields(7)). Otherwise it is a line of
 * text on standard error. The log keeps what all records of the process have in common.
 */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* A field of a record: a name that the journal accepts, and a value of any bytes. A field with an
 * absent value is left out. */
struct log_field {
    const char *name;
    struct slice value;
};

/* The maximum number of fields that a call may add to those of the process. LOG_FIELDS passes an
 * array with its length. */
enum { LOG_MAX_FIELDS = 16 };
#define LOG_FIELDS(array) (array), sizeof(array) / sizeof((array)[0])

/* Determines whether standard error is connected to the journal; before the first call, the log
 * assumes that it is not. Call it at the start, and again after standard error was replaced. */
void log_open(void);

/* Adds WSGI_APP to all records from now on. The string is borrowed. */
void log_set_application(const char *application);

/* Adds WSGI_METHOD, WSGI_TARGET and WSGI_REQUEST_ID to all records from now on, except absent ones.
 * The slices are borrowed until the next call or log_forget_request(). */
void log_set_request(struct slice method, struct slice target, struct slice id);
void log_forget_request(void);

/* Logs a message. As text, it is one line: "wsgi-once: " and the message, written with a single
 * write(2) so that the lines of several processes do not mix. Control characters become question
 * marks; a message of more than 4 KiB is cut. Blocks for a limited time only (see journal.h and
 * standard_error.h), after which the message is lost. Preserves errno. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Like log_line, with a MESSAGE_ID (from message_ids.h, or NULL) and fields. Text on standard error
 * does not show those. */
void log_event(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Sends a record to the journal; does nothing if standard error is not connected to it. Does not
 * wait for a busy journal if the priority is LOG_DEBUG. Returns whether the journal took it. */
bool log_to_journal(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *message);

/* Closes what a forked process has inherited from its parent's log. Call it in the child. */
void log_after_fork(void);

/* Waits, for a short time, until the journal has processed the records of this process: it can find
 * out which unit they come from only while the process exists. Call it before the process exits. */
void log_flush(void);

/* Writes the text to standard error as a line without a prefix. The text must not contain control
 * characters; it is cut at 4 KiB. */
void log_to_stderr(const char *text);
