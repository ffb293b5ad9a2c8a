/* Tests src/base/slice.h and src/http/syntax.h: slices, character classes and basic grammars. */

#include "http/syntax.h"
#include "unit.h"

#include <errno.h>

#define S(literal) SLICE(literal)

/* ---- character classes ---------------------------------------------------------------------- */

static bool is_alphanumeric(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool expect_tchar(int c)
{
    return is_alphanumeric(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool expect_blank(int c)
{
    return c == 0x20 || c == 0x09;
}

static bool expect_visible(int c)
{
    return c >= 0x21 && c <= 0x7E;
}

static bool expect_field_value_char(int c)
{
    return expect_visible(c) || expect_blank(c) || c >= 0x80;
}

static int expect_hex_value(int c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c != 0 ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) % 16 : -1;
}

static void test_classes(void)
{
    static const struct {
        const char *name;
        bool (*actual)(char byte);
        bool (*expected)(int byte);
    } rows[] = {
        {"RFC 9110 §5.6.2: tchar", syntax_is_tchar, expect_tchar},
        {"RFC 9110 §5.5: VCHAR, obs-text, SP, HTAB", syntax_is_field_value_char,
            expect_field_value_char},
        {"RFC 9110 §5.6.3: SP, HTAB", syntax_is_blank, expect_blank},
        {"RFC 5234 B.1: VCHAR", syntax_is_visible, expect_visible},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("%s, each byte", rows[i].name);
        for (int c = 0; c < 256; c++)
            unit_ok(rows[i].actual((char)c) == rows[i].expected(c), "byte 0x%02x", (unsigned)c);
    }
    unit_case("RFC 5234 B.1: HEXDIG in either case, each byte");
    for (int c = 0; c < 256; c++) {
        unit_context("byte 0x%02x", (unsigned)c);
        unit_same_int("value", syntax_hex_value((char)c), expect_hex_value(c));
    }
}

/* ---- token, trim, decimal ------------------------------------------------------------------- */

static void test_token(void)
{
    static const struct {
        const char *name;
        struct slice input;
        bool expected;
    } rows[] = {
        {"one letter", S("a"), true},
        {"all kinds of tchars", S("!#$%&'*+-.^_`|~09AZaz"), true},
        {"empty: at least one tchar", S(""), false},
        {"absent", {0}, false},
        {"space at the end", S("a "), false},
        {"tab at the beginning", S("\ta"), false},
        {"colon", S("a:b"), false},
        {"NUL", S("a\0b"), false},
        {"obs-text", S("caf\xc3\xa9"), false},
        {"delimiters", S("a(b)"), false},
        {"DEL", S("a\x7f"), false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("RFC 9110 §5.6.2, token: %s", rows[i].name);
        struct slice input = rows[i].input.data ? unit_copy_at_end(rows[i].input) : rows[i].input;
        unit_ok(syntax_is_token(input) == rows[i].expected, "expected %d", rows[i].expected);
    }
}

static void test_trim(void)
{
    static const struct {
        struct slice input;
        size_t before, size; /* bytes removed at the beginning, and bytes left */
    } rows[] = {
        {S("a"), 0, 1},
        {S(" a"), 1, 1},
        {S("a\t"), 0, 1},
        {S(" \t \ta b\tc \t"), 4, 5},
        {S(""), 0, 0},
        {S(" \t "), 3, 0},
        {S("\va\f"), 0, 3},
        {S("\xa0"
           "a"),
            0, 2},
        {S("\r\na"), 0, 3},
    };

    unit_case("RFC 9110 §5.6.3: SP and HTAB, nothing else, are trimmed");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_context("row %zu", i);
        struct slice input = unit_copy_at_end(rows[i].input), trimmed = syntax_trim(input);
        unit_same_number("size", trimmed.size, rows[i].size);
        unit_ok(rows[i].size == 0 || trimmed.data == input.data + rows[i].before, "wrong place");
        unit_ok(trimmed.data >= input.data && trimmed.data <= input.data + input.size, "outside");
    }
    unit_context("absent");
    unit_same_number("size", syntax_trim((struct slice){0}).size, 0);
}

static void test_decimal(void)
{
    static const struct {
        struct slice input;
        int result;
        uint64_t number;
    } rows[] = {
        {S("0"), 0, 0},
        {S("7"), 0, 7},
        {S("0000000000000000000000000000042"), 0, 42},
        {S("1234567890"), 0, 1234567890},
        {S("9223372036854775808"), 0, UINT64_C(9223372036854775808)},
        {S("18446744073709551615"), 0, UINT64_MAX},
        {S("18446744073709551616"), -EOVERFLOW, 0},
        {S("18446744073709551620"), -EOVERFLOW, 0},
        {S("28446744073709551615"), -EOVERFLOW, 0},
        {S("184467440737095516150"), -EOVERFLOW, 0},
        {S("99999999999999999999999999999999999999999"), -EOVERFLOW, 0},
        {S("99999999999999999999999999999999999999999x"), -EINVAL, 0},
        {S(""), -EINVAL, 0},
        {S(" 1"), -EINVAL, 0},
        {S("1 "), -EINVAL, 0},
        {S("+1"), -EINVAL, 0},
        {S("-1"), -EINVAL, 0},
        {S("0x1"), -EINVAL, 0},
        {S("1a"), -EINVAL, 0},
        {S("1.0"), -EINVAL, 0},
        {S("1_0"), -EINVAL, 0},
        {S("1,1"), -EINVAL, 0},
        {S("1\0"), -EINVAL, 0},
        {S("\xc2\xb2"), -EINVAL, 0},
    };
    const uint64_t untouched = 4711;

    unit_case("RFC 9110 §8.6: 1*DIGIT as a number");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t number = untouched;
        unit_context("%s", rows[i].input.data);
        int r = syntax_parse_decimal(unit_copy_at_end(rows[i].input), &number);
        unit_same_int("result", r, rows[i].result);
        unit_same_number("number", number, rows[i].result == 0 ? rows[i].number : untouched);
    }
}

/* ---- authority ------------------------------------------------------------------------------ */

static const struct authority_row {
    const char *name;
    struct slice input;
    bool valid;
    struct slice host, port;
} authority_rows[] = {
    {"a name", S("example.org"), true, S("example.org"), {0}},
    {"a name and a port", S("example.org:8080"), true, S("example.org"), S("8080")},
    {"RFC 3986 §3.2.3: an empty port", S("example.org:"), true, S("example.org"), S("")},
    {"the largest port", S("a:65535"), true, S("a"), S("65535")},
    {"a port with leading zeros", S("a:00080"), true, S("a"), S("00080")},
    {"a port beyond 16 bits", S("a:65536"), false, {0}, {0}},
    {"a port beyond 64 bits", S("a:18446744073709551617"), false, {0}, {0}},
    {"a port that is not a number", S("a:http"), false, {0}, {0}},
    {"a signed port", S("a:+80"), false, {0}, {0}},
    {"a port with white space", S("a: 80"), false, {0}, {0}},
    {"two colons", S("a:80:81"), false, {0}, {0}},
    {"an IPv6 address without brackets", S("::1"), false, {0}, {0}},
    {"RFC 3986 §3.2.2: IPv4address", S("192.0.2.1:80"), true, S("192.0.2.1"), S("80")},
    {"RFC 3986 §3.2.2: IPv6address", S("[::1]"), true, S("[::1]"), {0}},
    {"IPv6address and port", S("[2001:DB8::a]:80"), true, S("[2001:DB8::a]"), S("80")},
    {"IPv6address with an empty port", S("[::]:"), true, S("[::]"), S("")},
    {"IPv6address with IPv4 at its end", S("[::ffff:192.0.2.1]"), true, S("[::ffff:192.0.2.1]"),
        {0}},
    {"RFC 3986 §3.2.2: IPvFuture", S("[v1.a:b]:80"), true, S("[v1.a:b]"), S("80")},
    {"IPvFuture, capital letter", S("[VF.~!]"), true, S("[VF.~!]"), {0}},
    {"IPvFuture without an address", S("[v1.]"), false, {0}, {0}},
    {"bracket not closed", S("[::1"), false, {0}, {0}},
    {"bracket not closed, with port", S("[::1:80"), false, {0}, {0}},
    {"a lone bracket", S("["), false, {0}, {0}},
    {"nothing in the brackets", S("[]"), false, {0}, {0}},
    {"a name in brackets", S("[example.org]"), false, {0}, {0}},
    {"an IPv4 address in brackets", S("[192.0.2.1]"), false, {0}, {0}},
    {"text after the bracket", S("[::1]a"), false, {0}, {0}},
    {"text after the bracket, then a port", S("[::1]a:80"), false, {0}, {0}},
    {"two brackets", S("[[::1]]"), false, {0}, {0}},
    {"closing bracket only", S("::1]"), false, {0}, {0}},
    {"a zone, which the grammar does not have", S("[fe80::1%eth0]"), false, {0}, {0}},
    {"reg-name: unreserved and sub-delims", S("aZ9-._~!$&'()*+,;="), true, S("aZ9-._~!$&'()*+,;="),
        {0}},
    {"reg-name: percent-encoded", S("a%c3%A9.org:1"), true, S("a%c3%A9.org"), S("1")},
    {"reg-name: bad percent-encoding", S("a%g0"), false, {0}, {0}},
    {"reg-name: cut percent-encoding", S("a%c"), false, {0}, {0}},
    {"reg-name: percent-encoding cut by the colon", S("a%c:80"), false, {0}, {0}},
    {"reg-name: lone percent", S("%"), false, {0}, {0}},
    {"RFC 9110 §4.2.4: userinfo", S("user@example.org"), false, {0}, {0}},
    {"RFC 9110 §4.2.4: userinfo with password", S("user:pass@example.org"), false, {0}, {0}},
    {"RFC 9110 §4.2.4: empty userinfo", S("@example.org"), false, {0}, {0}},
    {"slash", S("a/b"), false, {0}, {0}},
    {"backslash", S("a\\b"), false, {0}, {0}},
    {"question mark", S("a?b"), false, {0}, {0}},
    {"number sign", S("a#b"), false, {0}, {0}},
    {"space", S("a b"), false, {0}, {0}},
    {"leading space", S(" a"), false, {0}, {0}},
    {"tab", S("a\tb"), false, {0}, {0}},
    {"quote", S("\"a\""), false, {0}, {0}},
    {"angle brackets", S("<a>"), false, {0}, {0}},
    {"NUL", S("a\0b"), false, {0}, {0}},
    {"NUL in the brackets", S("[::\0]"), false, {0}, {0}},
    {"DEL", S("a\x7f"), false, {0}, {0}},
    {"raw UTF-8", S("\xc3\xa9.org"), false, {0}, {0}},
};

static void check_authority(const struct authority_row *row, bool allow_empty)
{
    struct slice host = S("untouched"), port = S("untouched");
    struct slice input = unit_copy_at_end(row->input);

    unit_context(allow_empty ? "empty host allowed" : "empty host not allowed");
    bool valid = syntax_split_authority(input, allow_empty, &host, &port);
    unit_ok(valid == row->valid, "expected %s", row->valid ? "valid" : "invalid");
    unit_same_slice("host", host, row->valid ? row->host : S("untouched"));
    unit_same_slice("port", port, row->valid ? row->port : S("untouched"));
    if (valid && row->valid)
        unit_ok(host.data == input.data, "the host is not borrowed from the input");
}

static void test_authority(void)
{
    struct slice host, port;

    for (size_t i = 0; i < sizeof(authority_rows) / sizeof(authority_rows[0]); i++) {
        unit_case("RFC 9110 §7.2, authority: %s", authority_rows[i].name);
        check_authority(&authority_rows[i], true);
        check_authority(&authority_rows[i], false);
    }

    unit_case("RFC 9110 §4.2.1: an empty host, where it is not allowed");
    unit_ok(!syntax_split_authority(unit_copy_at_end(S("")), false, &host, &port), "empty");
    unit_ok(!syntax_split_authority(unit_copy_at_end(S(":80")), false, &host, &port), "port only");
    unit_ok(!syntax_split_authority(unit_copy_at_end(S(":")), false, &host, &port), "colon only");

    unit_case("RFC 9110 §7.2: an empty Host field is allowed");
    if (unit_ok(syntax_split_authority(unit_copy_at_end(S("")), true, &host, &port), "refused")) {
        unit_same_number("size of the host", host.size, 0);
        unit_ok(!port.data, "the port is not absent");
    }
}

/* Each byte in the middle of a name: only reg-name characters are valid (RFC 3986 §3.2.2), and the
 * colon, which makes the digit after it a port. */
static void test_authority_bytes(void)
{
    unit_case("RFC 3986 §3.2.2: reg-name, each byte");
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, '1'};
        struct slice host, port;
        bool expected =
            is_alphanumeric(c) || c == ':' || (c != 0 && strchr("-._~!$&'()*+,;=", c) != NULL);
        bool valid =
            syntax_split_authority(unit_copy_at_end((struct slice){text, 3}), true, &host, &port);
        unit_ok(valid == expected, "byte 0x%02x", (unsigned)c);
    }
}

/* ---- slices --------------------------------------------------------------------------------- */

static void test_slices(void)
{
    struct slice text = S("a:b:");

    unit_case("slices: equality");
    unit_ok(slice_equal(S("ab"), S("ab")), "equal");
    unit_ok(!slice_equal(S("ab"), S("aB")), "other case");
    unit_ok(!slice_equal(S("ab"), S("a")), "a beginning only");
    unit_ok(slice_equal(S(""), (struct slice){0}), "absent has the bytes of empty");
    unit_ok(slice_equal(S("a\0b"), S("a\0b")) && !slice_equal(S("a\0b"), S("a\0c")), "NUL");

    unit_case("slices: equality without regard to case");
    unit_ok(slice_equal_ignore_case(S("Content-LENGTH"), S("content-length")), "letters");
    unit_ok(!slice_equal_ignore_case(S("Content-Length"), S("Content-Lengt")), "size");
    unit_ok(!slice_equal_ignore_case(S("@[`{"), S("`{@[")), "only letters have a case");
    unit_ok(!slice_equal_ignore_case(S("\xc4"), S("\xe4")), "not those outside of ASCII");

    unit_case("slices: find and after");
    unit_same_number("first", slice_find(text, ':'), 1);
    unit_same_number("none", slice_find(text, 'x'), 4);
    unit_same_number("absent", slice_find((struct slice){0}, 'x'), 0);
    unit_same_slice("rest", slice_after(text, 2), S("b:"));
    unit_same_slice("nothing left", slice_after(text, 4), S(""));
}

int main(void)
{
    test_slices();
    test_classes();
    test_token();
    test_trim();
    test_decimal();
    test_authority();
    test_authority_bytes();
    return unit_done();
}
