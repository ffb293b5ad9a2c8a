#include "log/log.h"

#include "base/cleanup.h"
#include "base/printable.h"
#include "log/standard_error.h"
#include "systemd/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The longest message, and the longest line: what write(2) to a pipe does not tear apart. */
enum { LINE_SIZE = 4096 };
/* Values are cut there: the target of a request has no limit but --max-request-line. */
enum { MAX_VALUE_SIZE = 65536 };

/* A process has one standard error, and everything that is logged in it is about the same. */
static struct {
    bool has_journal;
    struct slice application;
    struct slice method, target, request_id;
} logger;

/* ---- what all records have in common -------------------------------------------------------- */

void log_open(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    logger.has_journal = false;
    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return;
    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    logger.has_journal = strcmp(stream, own) == 0;
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

/* "NAME=value" of each field, one behind the other in the room. */
struct record {
    struct iovec parts[JOURNAL_MAX_FIELDS];
    size_t count;
    char *room;
};

static size_t value_size(const struct log_field *field)
{
    return field->value.size < MAX_VALUE_SIZE ? field->value.size : MAX_VALUE_SIZE;
}

static void add(struct record *record, const struct log_field *field)
{
    size_t name = strlen(field->name), value = value_size(field);
    char *part = record->room;

    if (!field->value.data)
        return;
    memcpy(part, field->name, name);
    part[name] = '=';
    if (value > 0)
        memcpy(part + name + 1, field->value.data, value);
    record->parts[record->count++] = (struct iovec){part, name + 1 + value};
    record->room += name + 1 + value;
}

static size_t total_size(const struct log_field *fields, size_t count)
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
    _cleanup_(freep) char *room =
        malloc(total_size(common, n_common) + total_size(fields, n_fields));
    if (!room)
        return false;
    struct record record = {.room = room};
    for (size_t i = 0; i < n_common; i++)
        add(&record, &common[i]);
    for (size_t i = 0; i < n_fields; i++)
        add(&record, &fields[i]);
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

/* The record, if there is a journal that takes it (an app may have closed descriptors that are not
 * its own), else the line. */
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
