#pragma once

/* The name that a request has in the logs of all programs that it passes through. */

#include "http/request.h"

#include <stdbool.h>

enum {
    REQUEST_ID_SIZE = 128 + 1, /* the longest one, with a NUL */
    REQUEST_ID_RANDOM_SIZE = 16,
};

/* Whether it is 1 to 128 characters of ASCII letters, digits and "._~+/=:@-": what can stand in a
 * header, a log and a command line without quotes. */
bool request_id_is_valid(struct slice id);

/* The trace-id in the value of a traceparent field (W3C Trace Context §3.2): 32 hexadecimal digits,
 * or an absent slice when the value is not valid. Borrows. */
struct slice request_id_of_traceparent(struct slice value);

/* The ID that came with the request: that of X-Request-ID, or else the trace-id of traceparent.
 * Absent when there is none that is valid, or when there are two of a field. Borrows. */
struct slice request_id_find(const struct request *request);

/* Makes an ID of random bytes: 32 hexadecimal digits, with a NUL. */
void request_id_write(
    const unsigned char random[REQUEST_ID_RANDOM_SIZE], char buffer[REQUEST_ID_SIZE]);
