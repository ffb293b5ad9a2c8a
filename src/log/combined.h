#pragma once

/* A line of an access log, in the combined log format that Apache and nginx made common:
 *
 *   192.0.2.7 - - [24/Nov/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 7 "-" "curl/8.1"
 *
 * Pure, and independent of the locale. Whatever a client sends, the line is one line, its quoted
 * parts end where their quotes do, and it is of visible ASCII and spaces.
 */

#include "base/slice.h"

#include <stdint.h>
#include <time.h>

/* What is absent, or 0, is written as "-". */
struct combined {
    struct slice host;       /* of the client */
    const struct tm *time;   /* when the request came, in local time, with tm_gmtoff */
    struct slice line;       /* the request line as received */
    unsigned status;         /* of the answer */
    uint64_t content;        /* bytes of content that were sent */
    struct slice referer;    /* the value of Referer */
    struct slice user_agent; /* the value of User-Agent */
};

/* What write(2) to a pipe does not tear apart, with a newline. */
enum { COMBINED_SIZE = 4095 };

/* Writes the line, with a NUL and without a newline. In quoted parts the quote, the backslash and
 * all but visible ASCII and spaces become \xHH; what does not fit is cut, and ends with "...". */
void combined_write(const struct combined *combined, char buffer[COMBINED_SIZE]);
