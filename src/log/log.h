#pragma once

/* Messages to the admin.
 *
 * Where standard error is the journal's, each is a record of its own with a priority, an ID and
 * fields that journalctl(1) can select by (systemd.journal-fields(7)); else a line of text on
 * standard error. The logger remembers what all records of this process have in common.
 */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* A field of a record: a name as the journal wants it, a value of any bytes. One with an absent
 * value is left out. */
struct log_field {
    const char *name;
    struct slice value;
};

/* The fields of a record that its call adds to those of the process; LOG_FIELDS counts them. */
enum { LOG_MAX_FIELDS = 16 };
#define LOG_FIELDS(array) (array), sizeof(array) / sizeof((array)[0])

/* Finds out whether standard error is the journal's: JOURNAL_STREAM names its device and inode
 * (systemd.exec(5)). Until then it is not. To be called at the start, and again when standard error
 * was replaced. */
void log_open(void);

/* Adds WSGI_APP to all records from now on; the string is borrowed. */
void log_set_application(const char *application);

/* Adds WSGI_METHOD, WSGI_TARGET and WSGI_REQUEST_ID to all records from now on; absent slices are
 * left out. They are borrowed until the next call: log_forget_request() at the latest. */
void log_set_request(struct slice method, struct slice target, struct slice id);
void log_forget_request(void);

/* Logs a message. As text it is one line, "wsgi-once: " and the message, written with one write(2)
 * so that lines of several processes do not mix. Control characters become question marks, messages
 * over 4 KiB are cut. It waits for a bounded time only (journal.h, standard_error.h), and is lost
 * then. errno is kept. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a MESSAGE_ID (of message_ids.h, or NULL) and fields, which text does not show. */
void log_event(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Sends a record to the journal, and nothing without one. Returns whether it was taken. One of
 * LOG_DEBUG is not worth waiting for when the journal has too much to do. */
bool log_to_journal(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *message);

/* To be called in a process that was forked, which has no use for what its parent had open. */
void log_after_fork(void);

/* To be called before a process ends: the journal has done with its records then, and has found out
 * which unit they come from while it could. It does not wait for long. */
void log_flush(void);

/* Writes the text as a line of standard error, with nothing before it. It has no control
 * characters, and what is beyond 4 KiB is cut. */
void log_to_stderr(const char *text);
