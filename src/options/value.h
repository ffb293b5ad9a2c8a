#pragma once

/* What people write for a number, a size, a time span and the like, on the command line or in a
 * file. Pure.
 *
 * A parser returns NULL with *ret; or what is allowed instead (static), to stand behind "is not",
 * and leaves *ret alone.
 */

#include "base/deadline.h"

#include <stdint.h>

/* Decimal digits. */
const char *value_parse_number(const char *text, uint64_t *ret);

/* A number from 1 to 1000. */
const char *value_parse_count(const char *text, uint64_t *ret);

/* Bytes, with an optional suffix K, M or G (powers of 1024). */
const char *value_parse_size(const char *text, uint64_t *ret);

/* The same up to 16M, for what is held in memory as a whole. */
const char *value_parse_head_size(const char *text, uint64_t *ret);

/* "30", "500ms", "1min 30s": what is most used of systemd.time(7), whole numbers only; without a
 * unit, seconds. In microseconds. */
const char *value_parse_duration(const char *text, usec_t *ret);

/* "/" or "/prefix"; *ret, which borrows, is "" for the former. */
const char *value_parse_mount(const char *text, const char **ret);

/* "/path" or "http://host/path" of visible ASCII. *ret borrows. */
const char *value_parse_warm_up(const char *text, const char **ret);

/* yes, no, true, ... as systemd.syntax(7) has them. Returns 1, 0, or -EINVAL. */
int value_parse_boolean(const char *text);
