#include "log/combined.h"

#include "base/writer.h"
#include "http/syntax.h"

#include <stdbool.h>
#include <stddef.h>

/* The largest sizes of the escaped parts, so that the whole line always fits. */
enum { MAX_HOST = 64, MAX_LINE = 2304, MAX_FIELD = 768 };

static void put_escaped_byte(struct writer *writer, char byte)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char value = (unsigned char)byte;

    if (byte == ' ' || (syntax_is_visible(byte) && byte != '"' && byte != '\\')) {
        writer_put(writer, (struct slice){&byte, 1});
        return;
    }
    char escape[] = {'\\', 'x', hex[value >> 4], hex[value & 15]};
    writer_put(writer, (struct slice){escape, sizeof(escape)});
}

/* Writes at most `room` bytes; the text ends with "..." if it is truncated. */
static void put_escaped(struct writer *writer, struct slice text, size_t room)
{
    size_t end = writer->size + room - 4 - 3; /* room for another escaped byte and the dots */

    if (text.size == 0)
        writer_put(writer, SLICE("-"));
    for (size_t i = 0; i < text.size; i++) {
        if (writer->size > end) {
            writer_put(writer, SLICE("..."));
            return;
        }
        put_escaped_byte(writer, text.data[i]);
    }
}

static void put_quoted(struct writer *writer, struct slice text, size_t room)
{
    writer_put(writer, SLICE(" \""));
    put_escaped(writer, text, room);
    writer_put(writer, SLICE("\""));
}

/* " [24/Nov/2026:10:11:12 +0100]" */
static void put_time(struct writer *writer, const struct tm *time)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    long minutes = time->tm_gmtoff / 60;
    bool is_west = minutes < 0;

    if (is_west)
        minutes = -minutes;
    writer_put(writer, SLICE(" ["));
    writer_put_number(writer, (uint64_t)time->tm_mday, 10, 2);
    writer_put(writer, SLICE("/"));
    writer_put(writer, (struct slice){months + 3 * (ptrdiff_t)time->tm_mon, 3});
    writer_put(writer, SLICE("/"));
    writer_put_number(writer, (uint64_t)time->tm_year + 1900, 10, 4);
    writer_put(writer, SLICE(":"));
    writer_put_number(writer, (uint64_t)time->tm_hour, 10, 2);
    writer_put(writer, SLICE(":"));
    writer_put_number(writer, (uint64_t)time->tm_min, 10, 2);
    writer_put(writer, SLICE(":"));
    writer_put_number(writer, (uint64_t)time->tm_sec, 10, 2);
    writer_put(writer, is_west ? SLICE(" -") : SLICE(" +"));
    writer_put_number(writer, (uint64_t)(minutes / 60 * 100 + minutes % 60), 10, 4);
    writer_put(writer, SLICE("]"));
}

static void put_number_or_dash(struct writer *writer, uint64_t number)
{
    writer_put(writer, number > 0 ? SLICE(" ") : SLICE(" -"));
    if (number > 0)
        writer_put_number(writer, number, 10, 1);
}

void combined_write(const struct combined *combined, char buffer[COMBINED_SIZE])
{
    struct writer writer = {.data = buffer, .capacity = COMBINED_SIZE - 1};

    put_escaped(&writer, combined->host, MAX_HOST);
    writer_put(&writer, SLICE(" - -"));
    put_time(&writer, combined->time);
    put_quoted(&writer, combined->line, MAX_LINE);
    put_number_or_dash(&writer, combined->status);
    put_number_or_dash(&writer, combined->content);
    put_quoted(&writer, combined->referer, MAX_FIELD);
    put_quoted(&writer, combined->user_agent, MAX_FIELD);
    buffer[writer.size] = '\0';
}
