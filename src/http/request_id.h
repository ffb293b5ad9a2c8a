#pragma once

/* The request ID: the same in the logs of all programs that a request passes through. */

#include "http/request.h"

#include <stdbool.h>

enum {
    REQUEST_ID_SIZE = 128 + 1, /* of the longest ID, with a NUL */
    REQUEST_ID_RANDOM_SIZE = 16,
};

/* Whether the ID has 1 to 128 characters, all of them ASCII letters, digits or "._~+/=:@-": these
 * need no quotes in a field, a log or a command line. */
bool request_id_is_valid(struct slice id);

/* The trace-id in the value of a traceparent field (W3C Trace Context §3.2): 32 hexadecimal digits,
 * or an absent slice when the value is invalid. Borrows. */
struct slice request_id_of_traceparent(struct slice value);

/* The ID sent with the request: the value of X-Request-ID, or else the trace-id of traceparent.
 * Absent when neither is valid. A field that occurs twice is ignored. Borrows. */
struct slice request_id_find(const struct request *request);

/* Formats random bytes as an ID: 32 hexadecimal digits, with a NUL. */
void request_id_write(
    const unsigned char random[REQUEST_ID_RANDOM_SIZE], char buffer[REQUEST_ID_SIZE]);
