#pragma once

/* The character classes and basic grammars of RFC 9110 and RFC 3986.
 *
 * All functions work on bytes and ignore the locale. The bytes 0x80-0xFF (obs-text) are never part
 * of a token, a target or a host, but can be part of a field value.
 */

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* tchar, the characters of a token: method, field name, coding (RFC 9110 §5.6.2). */
bool syntax_is_tchar(char byte);

/* The characters of a field value: VCHAR, obs-text, SP and HTAB (RFC 9110 §5.5). */
bool syntax_is_field_value_char(char byte);

/* SP or HTAB, the characters of OWS and BWS (RFC 9110 §5.6.3). */
bool syntax_is_blank(char byte);

/* VCHAR, the visible ASCII characters, 0x21-0x7E (RFC 5234 appendix B.1). */
bool syntax_is_visible(char byte);

/* ALPHA or DIGIT (RFC 5234 appendix B.1). */
bool syntax_is_alphanumeric(char byte);

/* The value of a hexadecimal digit, or -1. */
int syntax_hex_value(char byte);

/* One or more tchars (RFC 9110 §5.6.2). */
bool syntax_is_token(struct slice text);

/* The slice without leading and trailing SP and HTAB. */
struct slice syntax_trim(struct slice text);

/* Parses 1*DIGIT. Returns 0, -EINVAL for any other text, -EOVERFLOW above 2^64-1. */
int syntax_parse_decimal(struct slice text, uint64_t *ret_number);

/* Whether the text is an IPv4address or an IPv6address, without brackets and zone (RFC 3986
 * §3.2.2). */
bool syntax_is_ipv4_address(struct slice text);
bool syntax_is_ipv6_address(struct slice text);

/* Parses an address of AF_INET or AF_INET6 into its 4 or 16 bytes, in network order. Returns
 * whether the text is valid; if not, the bytes are unchanged. */
bool syntax_parse_ip_address(int family, struct slice text, void *ret_bytes);

/* Splits uri-host [ ":" port ], as in Host and in a request-target (RFC 9110 §7.2, RFC 3986 §3.2).
 *
 * Userinfo is refused (RFC 9110 §4.2.4). An empty host is valid only with allow_empty and without a
 * port. Returns whether the text is valid. The port is absent if there is no colon. The host
 * includes the brackets of an IP literal. */
bool syntax_split_authority(
    struct slice authority, bool allow_empty, struct slice *ret_host, struct slice *ret_port);
