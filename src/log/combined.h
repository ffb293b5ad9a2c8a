#pragma once

/* A line of an access log in the combined log format, as Apache and nginx write it:
 *
 *   192.0.2.7 - - [24/Nov/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 7 "-" "curl/8.1"
 *
 * No I/O; independent of the locale. Whatever a client sends, the result is a single line of
 * visible ASCII and spaces, and each quoted part ends at its closing quote.
 */

#include "base/slice.h"

#include <stdint.h>
#include <time.h>

/* Absent slices, and a status or content of 0, are written as "-". */
struct combined {
    struct slice host;       /* the client */
    const struct tm *time;   /* when the request began, in local time, with tm_gmtoff */
    struct slice line;       /* the request line as received */
    unsigned status;         /* of the response */
    uint64_t content;        /* bytes of content sent */
    struct slice referer;    /* the value of Referer */
    struct slice user_agent; /* the value of User-Agent */
};

/* PIPE_BUF without the newline: a write(2) of the line to a pipe is atomic. */
enum { COMBINED_SIZE = 4095 };

/* Writes the line with a terminating NUL, without a newline. Quotes, backslashes and everything
 * except visible ASCII and spaces become \xHH. A part that is too long is cut and ends with "...".
 */
void combined_write(const struct combined *combined, char buffer[COMBINED_SIZE]);
