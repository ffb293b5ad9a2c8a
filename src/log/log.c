#include "log/log.h"

#include "base/cleanup.h"
#include "base/printable.h"
#include "log/standard_error.h"
#include "systemd/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* The longest line: write(2) to a pipe is atomic up to PIPE_BUF bytes, see pipe(7). */
enum { LINE_SIZE = 4096 };
/* Longer values are cut. The target of a request is limited by --max-request-line only. */
enum { MAX_VALUE_SIZE = 65536 };

/* A process has one standard error, and serves one app and one request at a time. */
static struct {
    bool has_journal;
    struct slice application;
    struct slice method, target, request_id;
} logger;

/* ---- the fields of all records -------------------------------------------------------------- */

void log_open(void)
{
    logger.has_journal = journal_is_stream(STDERR_FILENO);
}

void log_set_application(const char *application)
{
    logger.application = slice_of(application);
}

void log_set_request(struct slice method, struct slice target, struct slice id)
{
    logger.method = method;
    logger.target = target;
    logger.request_id = id;
}

void log_forget_request(void)
{
    const struct slice absent = {0};

    log_set_request(absent, absent, absent);
}

/* ---- the journal ---------------------------------------------------------------------------- */

/* The fields as "NAME=value", one after the other in a buffer. */
struct record {
    struct iovec parts[JOURNAL_MAX_FIELDS];
    size_t count;
    char *next; /* where the next field goes */
};

static size_t value_size(const struct log_field *field)
{
    return field->value.size < MAX_VALUE_SIZE ? field->value.size : MAX_VALUE_SIZE;
}

static void record_add(struct record *record, const struct log_field *field)
{
    size_t name = strlen(field->name), value = value_size(field);
    char *part = record->next;

    if (!field->value.data)
        return;
    memcpy(part, field->name, name);
    part[name] = '=';
    if (value > 0)
        memcpy(part + name + 1, field->value.data, value);
    record->parts[record->count++] = (struct iovec){part, name + 1 + value};
    record->next += name + 1 + value;
}

static size_t record_size(const struct log_field *fields, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += strlen(fields[i].name) + 1 + value_size(&fields[i]);
    return size;
}

bool log_to_journal(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *message)
{
    const char digit[] = {(char)('0' + priority), '\0'};
    const struct log_field common[] = {
        {"PRIORITY", slice_of(digit)},
        {"MESSAGE", slice_of(message)},
        {"MESSAGE_ID", slice_of(message_id)},
        {"SYSLOG_IDENTIFIER", SLICE("wsgi-once")},
        {"WSGI_APP", logger.application},
        {"WSGI_METHOD", logger.method},
        {"WSGI_TARGET", logger.target},
        {"WSGI_REQUEST_ID", logger.request_id},
    };
    const size_t n_common = sizeof(common) / sizeof(common[0]);

    if (!logger.has_journal || n_fields > LOG_MAX_FIELDS)
        return false;
    _cleanup_(freep) char *buffer =
        malloc(record_size(common, n_common) + record_size(fields, n_fields));
    if (!buffer)
        return false;
    struct record record = {.next = buffer};
    for (size_t i = 0; i < n_common; i++)
        record_add(&record, &common[i]);
    for (size_t i = 0; i < n_fields; i++)
        record_add(&record, &fields[i]);
    return journal_send(record.parts, record.count, priority < LOG_DEBUG) == 0;
}

void log_after_fork(void)
{
    journal_after_fork();
}

void log_flush(void)
{
    journal_flush();
}

/* ---- text ----------------------------------------------------------------------------------- */

void log_to_stderr(const char *text)
{
    char buffer[LINE_SIZE];
    size_t size = strnlen(text, sizeof(buffer) - 1);

    memcpy(buffer, text, size);
    buffer[size++] = '\n';
    standard_error_write(buffer, size);
}

/* Sends a record, or writes a line if that fails: an app may have closed descriptors that it does
 * not own. */
static void log_arguments(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *format, va_list arguments)
{
    static const char prefix[] = "wsgi-once: ";
    char line[LINE_SIZE], *message = line + sizeof(prefix) - 1;

    memcpy(line, prefix, sizeof(prefix));
    vsnprintf(message, sizeof(line) - sizeof(prefix), format, arguments);
    printable_replace(message, PRINTABLE_LINE, '?');
    if (!log_to_journal(priority, message_id, fields, n_fields, message))
        log_to_stderr(line);
}

void log_line(int priority, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    va_start(arguments, format);
    log_arguments(priority, NULL, NULL, 0, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}

void log_event(int priority, const char *message_id, const struct log_field *fields,
    size_t n_fields, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    va_start(arguments, format);
    log_arguments(priority, message_id, fields, n_fields, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}
