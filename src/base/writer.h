#pragma once

/* Text written into a caller's buffer: independent of the locale, without a NUL, and
 * async-signal-safe. Text that does not fit is truncated. */

#include "base/slice.h"

#include <stdint.h>

struct writer {
    char *data;
    size_t size, capacity;
};

static inline void writer_put(struct writer *writer, struct slice text)
{
    size_t room = writer->capacity - writer->size;
    size_t n = text.size < room ? text.size : room;

    if (n > 0)
        memcpy(writer->data + writer->size, text.data, n);
    writer->size += n;
}

/* Writes a number with at least this many digits, at most 20. The base is 10 or 16. */
static inline void writer_put_number(
    struct writer *writer, uint64_t number, unsigned base, size_t digits)
{
    char text[20]; /* 2^64-1 has 20 digits */
    size_t i = sizeof(text);

    do
        text[--i] = "0123456789abcdef"[number % base];
    while ((number /= base) > 0 || sizeof(text) - i < digits);
    writer_put(writer, (struct slice){text + i, sizeof(text) - i});
}
