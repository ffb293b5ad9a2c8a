#include "log/access.h"

#include "log/combined.h"
#include "log/log.h"
#include "log/message_ids.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- the beginning -------------------------------------------------------------------------- */

static usec_t usec_of(const struct timeval *time)
{
    return (usec_t)time->tv_sec * USEC_PER_SEC + (usec_t)time->tv_usec;
}

usec_t access_cpu(const struct rusage *usage)
{
    return usec_of(&usage->ru_utime) + usec_of(&usage->ru_stime);
}

uint64_t access_memory_peak(const struct rusage *usage)
{
    return (uint64_t)usage->ru_maxrss * 1024;
}

/* The processor time of this process and of its children that were reaped. */
static usec_t measure_cpu(struct rusage *ret_own)
{
    struct rusage children = {0};

    getrusage(RUSAGE_SELF, ret_own);
    getrusage(RUSAGE_CHILDREN, &children);
    return access_cpu(ret_own) + access_cpu(&children);
}

void access_begin(struct access *access)
{
    struct rusage own;

    access->time = time(NULL);
    access->since = deadline_now();
    access->cpu = measure_cpu(&own);
}

void access_report_begin(const struct exchange *exchange, enum options_access_log destination)
{
    char message[sizeof(exchange->name) + sizeof(": begins")];

    if (destination == ACCESS_LOG_NONE)
        return;
    snprintf(message, sizeof(message), "%s: begins", exchange->name);
    log_to_journal(LOG_DEBUG, MESSAGE_ID_REQUEST_BEGINS, NULL, 0, message);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void format_line(const struct access_record *record, char buffer[COMBINED_SIZE])
{
    struct tm tm = {0};
    struct combined combined = {
        .host = slice_unless_empty(record->peer.host),
        .time = &tm,
        .line = record->line,
        .status = record->status,
        .content = record->content == ACCESS_UNKNOWN ? 0 : record->content,
        .referer = record->referer,
        .user_agent = record->user_agent,
    };

    localtime_r(&record->time, &tm);
    combined_write(&combined, buffer);
}

/* "unix", "192.0.2.7:51234", "[2001:db8::7]:51234", or "" if it is not known. */
static void format_peer(const struct address *peer, char *buffer, size_t size)
{
    const char *format = strchr(peer->host, ':') ? "[%s]:%s" : "%s:%s";

    buffer[0] = '\0';
    if (peer->family == AF_UNIX)
        snprintf(buffer, size, "unix");
    else if (peer->host[0] != '\0')
        snprintf(buffer, size, format, peer->host, peer->port);
}

/* A number as text, absent if it is not known. */
static struct slice format_number(char buffer[24], uint64_t value, uint64_t unknown)
{
    if (value == unknown)
        return (struct slice){0};
    return (struct slice){buffer, (size_t)snprintf(buffer, 24, "%" PRIu64, value)};
}

static bool send_record(const struct access_record *record, const struct log_field *more,
    size_t n_more, const char *line)
{
    char peer[sizeof(struct address) + sizeof("[]:")], digits[6][24];
    struct log_field fields[LOG_MAX_FIELDS] = {
        {"WSGI_STATUS", format_number(digits[0], record->status, 0)},
        {"WSGI_BYTES_IN", format_number(digits[1], record->received, ACCESS_UNKNOWN)},
        {"WSGI_BYTES_OUT", format_number(digits[2], record->sent, ACCESS_UNKNOWN)},
        {"WSGI_DURATION_USEC", format_number(digits[3], record->duration, ACCESS_UNKNOWN)},
        {"WSGI_CPU_USEC", format_number(digits[4], record->cpu, ACCESS_UNKNOWN)},
        {"WSGI_MEMORY_PEAK", format_number(digits[5], record->memory_peak, ACCESS_UNKNOWN)},
    };
    size_t n = 6;

    format_peer(&record->peer, peer, sizeof(peer));
    fields[n++] = (struct log_field){"WSGI_PEER", slice_unless_empty(peer)};
    for (size_t i = 0; i < n_more; i++)
        fields[n++] = more[i];
    return log_to_journal(LOG_INFO, MESSAGE_ID_ACCESS, fields, n, line);
}

void access_write(const struct access_record *record, const struct log_field *fields,
    size_t n_fields, enum options_access_log destination)
{
    char line[COMBINED_SIZE];

    if (destination == ACCESS_LOG_NONE)
        return;
    format_line(record, line);
    if (destination == ACCESS_LOG_STDERR || !send_record(record, fields, n_fields, line))
        log_to_stderr(line);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* The request line as far as it was received. An empty line may come before it (RFC 9112 §2.2). */
static struct slice find_request_line(const struct conn *conn)
{
    struct slice line = {conn->buffer, conn->base > 0 ? conn->base : conn->end};

    if (line.size >= 2 && memcmp(line.data, "\r\n", 2) == 0)
        line = slice_after(line, 2);
    line.size = slice_find(line, '\n');
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

/* How much content of the final response was sent. Less than was put if the response was cut off;
 * the bytes after the head may include framing of content that was never sent. */
static uint64_t count_content(const struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;
    uint64_t sent = exchange->conn->sent - exchange->conn->interim;
    size_t head = reply->head_sent ? reply->head_size + reply->tail_size : exchange->own_head_size;
    uint64_t after_head = sent > head ? sent - head : 0;

    return reply->head_sent && reply->content < after_head ? reply->content : after_head;
}

void access_end(const struct access *access, const struct exchange *exchange,
    enum options_access_log destination)
{
    const struct conn *conn = exchange->conn;
    const struct request *request = exchange->request;
    struct rusage own;
    usec_t cpu = measure_cpu(&own);
    struct access_record record = {
        .peer = exchange->client.address,
        .time = access->time,
        .line = find_request_line(conn),
        .referer = request_find_field(request, SLICE("Referer")),
        .user_agent = request_find_field(request, SLICE("User-Agent")),
        .status = conn_has_sent_response(conn) ? conn->status : ACCESS_CLIENT_LEFT,
        .content = count_content(exchange),
        .received = conn->received,
        .sent = conn->sent,
        .duration = deadline_now() - access->since,
        .cpu = cpu - access->cpu,
        .memory_peak = access_memory_peak(&own),
    };

    access_write(&record, NULL, 0, destination);
}
