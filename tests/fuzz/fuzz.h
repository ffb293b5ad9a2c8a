#pragma once

/* Shared by the fuzz targets: an assertion that is always enabled, and copies of the input whose
 * bounds the address sanitizer checks. */

#include "base/slice.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: violated: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy of exactly this size, which the caller frees. */
static inline char *fuzz_copy(const void *data, size_t size)
{
    char *copy = malloc(size); /* also of 0 bytes, where any access is out of bounds */

    FUZZ_ASSERT(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static inline bool fuzz_is_within(struct slice inner, struct slice outer)
{
    return inner.data >= outer.data && inner.size <= outer.size &&
        (size_t)(inner.data - outer.data) <= outer.size - inner.size;
}

/* RFC 9110 §5.5 and §5.6.2, implemented again on purpose: the checks must not use the code under
 * test. */
static inline bool fuzz_is_tchar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static inline bool fuzz_is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!fuzz_is_tchar(text.data[i]))
            return false;
    return text.size > 0;
}

static inline bool fuzz_is_text(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c == '\t' || (c >= 0x20 && c != 0x7F);
}

static inline bool fuzz_is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!fuzz_is_text(text.data[i]))
            return false;
    return true;
}

static inline bool fuzz_is_named(struct slice name, const char *other)
{
    return name.size == strlen(other) && strncasecmp(name.data, other, name.size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
