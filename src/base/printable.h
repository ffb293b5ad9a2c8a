#pragma once

/* Text that may hold any bytes, made safe to print. */

#include <stdbool.h>

/* What stays as it is. */
enum printable {
    PRINTABLE_LINE,  /* everything but control characters (ASCII): the text is one line, and UTF-8
                        stays readable */
    PRINTABLE_ASCII, /* visible ASCII and spaces */
    PRINTABLE_WORD,  /* visible ASCII except the single quote, because messages print the word in
                        single quotes */
};

static inline bool printable_allows(enum printable rule, char byte)
{
    unsigned char c = (unsigned char)byte;

    switch (rule) {
    case PRINTABLE_LINE: return c >= ' ' && c != 0x7F;
    case PRINTABLE_ASCII: return c >= ' ' && c < 0x7F;
    case PRINTABLE_WORD: return c > ' ' && c < 0x7F && c != '\'';
    }
    return false;
}

/* Replaces each byte of the string that the rule does not allow. */
static inline void printable_replace(char *text, enum printable rule, char replacement)
{
    for (char *c = text; *c; c++)
        if (!printable_allows(rule, *c))
            *c = replacement;
}
