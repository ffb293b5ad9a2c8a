#pragma once

/* A sequence of bytes in a buffer that the slice does not own.
 *
 * A slice is valid as long as the buffer that it points into. It is not NUL-terminated. An empty
 * slice has size 0; if its data is NULL as well, the value is absent rather than empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

/* A string literal without its terminator. */
#define SLICE(literal) ((struct slice){.data = (literal), .size = sizeof(literal) - 1})

/* A string without its terminator. NULL becomes an absent slice. */
static inline struct slice slice_of(const char *string)
{
    return (struct slice){.data = string, .size = string ? strlen(string) : 0};
}

/* Like slice_of, but an empty string becomes an absent slice. */
static inline struct slice slice_unless_empty(const char *string)
{
    return slice_of(string[0] ? string : NULL);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Compares without regard to the case of ASCII letters, independent of the locale. */
static inline bool slice_equal_ignore_case(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];
        if (x >= 'A' && x <= 'Z')
            x = (unsigned char)(x | 0x20);
        if (y >= 'A' && y <= 'Z')
            y = (unsigned char)(y | 0x20);
        if (x != y)
            return false;
    }
    return true;
}

/* The slice without its first n bytes. n must not exceed its size. */
static inline struct slice slice_after(struct slice slice, size_t n)
{
    return (struct slice){.data = slice.data + n, .size = slice.size - n};
}

/* The index of the first such byte, or the size of the slice if there is none. */
static inline size_t slice_find(struct slice slice, char byte)
{
    const char *found = slice.size > 0 ? memchr(slice.data, byte, slice.size) : NULL;
    return found ? (size_t)(found - slice.data) : slice.size;
}
