#pragma once

/* Parsers for values on the command line or in a file: numbers, sizes, time spans and the like.
 * Pure.
 *
 * A parser returns NULL and sets *ret; or it returns what is allowed instead (static), to follow
 * "is not", and leaves *ret untouched.
 */

#include "base/deadline.h"

#include <stdint.h>

/* Decimal digits. */
const char *value_parse_number(const char *text, uint64_t *ret);

/* A number from 1 to 1000. */
const char *value_parse_count(const char *text, uint64_t *ret);

/* Bytes, with an optional suffix K, M or G (powers of 1024). */
const char *value_parse_size(const char *text, uint64_t *ret);

/* The same up to 16M, for what is kept in memory as a whole. */
const char *value_parse_head_size(const char *text, uint64_t *ret);

/* The common part of systemd.time(7): "30", "500ms", "1min 30s". Whole numbers; seconds without a
 * unit. *ret is in microseconds. */
const char *value_parse_duration(const char *text, usec_t *ret);

/* "/" or "/prefix". *ret borrows; it is "" for "/". */
const char *value_parse_mount(const char *text, const char **ret);

/* An absolute path, or, in a file, one that begins with a specifier of systemd.unit(5), such as %C.
 * *ret borrows. */
const char *value_parse_absolute(const char *text, const char **ret);

/* "/path" or "http://host/path" of visible ASCII, not validated further: the response to an invalid
 * target is 400. *ret borrows. */
const char *value_parse_warm_up(const char *text, const char **ret);

/* Booleans of systemd.syntax(7): yes, no, true and so on. Returns 1, 0, or -EINVAL. */
int value_parse_boolean(const char *text);
