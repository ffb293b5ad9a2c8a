#pragma once

/* A run of bytes that belongs to somebody else.
 *
 * A slice borrows: it is valid as long as the buffer it points into, and it is not terminated.
 * An empty slice has size 0; its data may be NULL, which tells "absent" from "present and empty".
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

/* A slice of a string literal, without its terminator. */
#define SLICE(literal) ((struct slice){.data = (literal), .size = sizeof(literal) - 1})

/* A string without its terminator; absent for NULL. */
static inline struct slice slice_of(const char *string)
{
    return (struct slice){.data = string, .size = string ? strlen(string) : 0};
}

/* The same where an empty string stands for something that is absent. */
static inline struct slice slice_unless_empty(const char *string)
{
    return slice_of(string[0] ? string : NULL);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Compares ASCII letters without regard to case, whatever the locale says. */
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

/* The rest of a slice behind its first n bytes; n is at most its size. */
static inline struct slice slice_after(struct slice slice, size_t n)
{
    return (struct slice){.data = slice.data + n, .size = slice.size - n};
}

/* Where the byte stands first in the slice, or its size when it does not. */
static inline size_t slice_find(struct slice slice, char byte)
{
    const char *found = slice.size > 0 ? memchr(slice.data, byte, slice.size) : NULL;
    return found ? (size_t)(found - slice.data) : slice.size;
}
