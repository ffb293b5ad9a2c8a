#include "log/combined.h"

#include "http/syntax.h"

#include <stdbool.h>

/* The maximum size of each part, chosen so that all of them fit into the line. */
enum { MAX_HOST = 64, MAX_LINE = 2304, MAX_FIELD = 768 };

struct writer {
    char *next;
};

static void put(struct writer *writer, struct slice text)
{
    memcpy(writer->next, text.data, text.size);
    writer->next += text.size;
}

static void put_decimal(struct writer *writer, uint64_t number, int min_digits)
{
    char digits[20];
    int n = 0;

    for (; number > 0 || n < min_digits; number /= 10)
        digits[n++] = (char)('0' + number % 10);
    while (n > 0)
        *writer->next++ = digits[--n];
}

static void put_byte(struct writer *writer, char byte)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char value = (unsigned char)byte;

    if (byte == ' ' || (syntax_is_visible(byte) && byte != '"' && byte != '\\')) {
        *writer->next++ = byte;
        return;
    }
    put(writer, SLICE("\\x"));
    *writer->next++ = hex[value >> 4];
    *writer->next++ = hex[value & 15];
}

/* Leaves space for one more escaped byte (4) and for the dots (3). */
static void put_escaped(struct writer *writer, struct slice text, size_t room)
{
    const char *end = writer->next + room - 4 - 3;

    if (!text.data || text.size == 0) {
        put(writer, SLICE("-"));
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (writer->next > end) {
            put(writer, SLICE("..."));
            return;
        }
        put_byte(writer, text.data[i]);
    }
}

static void put_quoted(struct writer *writer, struct slice text, size_t room)
{
    put(writer, SLICE(" \""));
    put_escaped(writer, text, room);
    put(writer, SLICE("\""));
}

/* " [24/Nov/2026:10:11:12 +0100]" */
static void put_time(struct writer *writer, const struct tm *time)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    long minutes = time->tm_gmtoff / 60;
    bool is_west = minutes < 0;

    if (is_west)
        minutes = -minutes;
    put(writer, SLICE(" ["));
    put_decimal(writer, (uint64_t)time->tm_mday, 2);
    put(writer, SLICE("/"));
    put(writer, (struct slice){months + 3 * (ptrdiff_t)time->tm_mon, 3});
    put(writer, SLICE("/"));
    put_decimal(writer, (uint64_t)time->tm_year + 1900, 4);
    put(writer, SLICE(":"));
    put_decimal(writer, (uint64_t)time->tm_hour, 2);
    put(writer, SLICE(":"));
    put_decimal(writer, (uint64_t)time->tm_min, 2);
    put(writer, SLICE(":"));
    put_decimal(writer, (uint64_t)time->tm_sec, 2);
    put(writer, is_west ? SLICE(" -") : SLICE(" +"));
    put_decimal(writer, (uint64_t)(minutes / 60 * 100 + minutes % 60), 4);
    put(writer, SLICE("]"));
}

static void put_number(struct writer *writer, uint64_t number)
{
    put(writer, number > 0 ? SLICE(" ") : SLICE(" -"));
    put_decimal(writer, number, 0);
}

void combined_write(const struct combined *combined, char buffer[COMBINED_SIZE])
{
    struct writer writer = {.next = buffer};

    put_escaped(&writer, combined->host, MAX_HOST);
    put(&writer, SLICE(" - -"));
    put_time(&writer, combined->time);
    put_quoted(&writer, combined->line, MAX_LINE);
    put_number(&writer, combined->status);
    put_number(&writer, combined->content);
    put_quoted(&writer, combined->referer, MAX_FIELD);
    put_quoted(&writer, combined->user_agent, MAX_FIELD);
    *writer.next = '\0';
}
