/* Fuzzes the basic grammars of syntax.h and the functions of slice.h: the input is the text. */

#include "http/request.h"
#include "http/syntax.h"

#include "fuzz.h"

#include <errno.h>

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool is_hex(char c)
{
    return is_one_of(c, "0123456789abcdefABCDEF");
}

static void check_classes(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i], digit[2] = {c, '\0'};
        FUZZ_ASSERT(syntax_is_tchar(c) == fuzz_is_tchar(c));
        FUZZ_ASSERT(syntax_is_field_value_char(c) == fuzz_is_text(c));
        FUZZ_ASSERT(syntax_is_blank(c) == is_one_of(c, " \t"));
        FUZZ_ASSERT(syntax_is_visible(c) == ((unsigned char)c >= '!' && (unsigned char)c <= '~'));
        FUZZ_ASSERT(syntax_hex_value(c) == (is_hex(c) ? (int)strtol(digit, NULL, 16) : -1));
    }
    FUZZ_ASSERT(syntax_is_token(text) == fuzz_is_token(text));
}

static void check_trim(struct slice text)
{
    struct slice trimmed = syntax_trim(text);

    FUZZ_ASSERT(fuzz_is_within(trimmed, text));
    if (trimmed.size > 0) {
        FUZZ_ASSERT(!is_one_of(trimmed.data[0], " \t"));
        FUZZ_ASSERT(!is_one_of(trimmed.data[trimmed.size - 1], " \t"));
    }
    for (size_t i = 0; i < text.size; i++)
        if (trimmed.size == 0 || text.data + i < trimmed.data ||
            text.data + i >= trimmed.data + trimmed.size)
            FUZZ_ASSERT(is_one_of(text.data[i], " \t"));
    FUZZ_ASSERT(slice_equal(syntax_trim(trimmed), trimmed));
}

/* Compares with strtoull(3). */
static void check_decimal(struct slice text)
{
    uint64_t number = 4711, expected;
    int r = syntax_parse_decimal(text, &number);
    bool digits = text.size > 0;
    char *terminated = malloc(text.size + 1);

    for (size_t i = 0; i < text.size; i++) {
        digits &= text.data[i] >= '0' && text.data[i] <= '9';
        terminated[i] = text.data[i];
    }
    terminated[text.size] = '\0';
    errno = 0;
    expected = digits ? strtoull(terminated, NULL, 10) : 0;
    FUZZ_ASSERT(r == (!digits ? -EINVAL : errno == ERANGE ? -EOVERFLOW : 0));
    FUZZ_ASSERT(number == (r == 0 ? expected : 4711));
    free(terminated);
}

/* dec-octet "." dec-octet "." dec-octet "." dec-octet (RFC 3986 §3.2.2) */
static bool is_ipv4_address(struct slice text)
{
    for (int octets = 1;; octets++) {
        size_t dot = slice_find(text, '.');
        unsigned number = 0;
        for (size_t i = 0; i < dot; i++) {
            if (dot > 3 || text.data[i] < '0' || text.data[i] > '9')
                return false;
            number = number * 10 + (unsigned)(text.data[i] - '0');
        }
        if (dot == 0 || number > 255 || (dot > 1 && text.data[0] == '0'))
            return false;
        if (dot == text.size || octets == 4)
            return dot == text.size && octets == 4;
        text = slice_after(text, dot + 1);
    }
}

/* Counts the groups of hexadecimal digits between colons; an IPv4 address at the end counts as two.
 * Returns -1 for anything else. */
static int count_groups(struct slice text)
{
    for (int groups = 1;; groups++) {
        size_t colon = slice_find(text, ':');
        if (colon == text.size && is_ipv4_address(text))
            return groups + 1;
        if (colon < 1 || colon > 4)
            return -1;
        for (size_t i = 0; i < colon; i++)
            if (!is_hex(text.data[i]))
                return -1;
        if (colon == text.size)
            return groups;
        text = slice_after(text, colon + 1);
    }
}

/* Eight groups, or fewer around one "::" (RFC 3986 §3.2.2, RFC 4291 §2.2) */
static bool is_ipv6_address(struct slice text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] != ':' || text.data[i + 1] != ':')
            continue;
        struct slice left = {text.data, i}, right = slice_after(text, i + 2);
        int before = left.size > 0 ? count_groups(left) : 0;
        int after = right.size > 0 ? count_groups(right) : 0;
        return before >= 0 && after >= 0 && before + after <= 7 && slice_find(left, '.') == i;
    }
    return count_groups(text) == 8;
}

static void check_addresses(struct slice text)
{
    FUZZ_ASSERT(syntax_is_ipv4_address(text) == is_ipv4_address(text));
    FUZZ_ASSERT(syntax_is_ipv6_address(text) == is_ipv6_address(text));
}

/* A valid host is a reg-name or an IP-literal (RFC 3986 §3.2.2). */
static void check_host(struct slice host)
{
    if (host.size > 0 && host.data[0] == '[') {
        FUZZ_ASSERT(host.size >= 3 && slice_find(host, ']') == host.size - 1);
        for (size_t i = 1; i < host.size - 1; i++)
            FUZZ_ASSERT(
                is_alphanumeric(host.data[i]) || is_one_of(host.data[i], "-._~!$&'()*+,;=:"));
        return;
    }
    for (size_t i = 0; i < host.size; i++) {
        if (host.data[i] == '%')
            FUZZ_ASSERT(i + 2 < host.size && is_hex(host.data[i + 1]) && is_hex(host.data[i + 2]));
        else
            FUZZ_ASSERT(
                is_alphanumeric(host.data[i]) || is_one_of(host.data[i], "-._~!$&'()*+,;="));
    }
}

static void check_port(struct slice port)
{
    uint64_t number = 0;

    for (size_t i = 0; i < port.size; i++) {
        FUZZ_ASSERT(port.data[i] >= '0' && port.data[i] <= '9');
        number = number * 10 + (uint64_t)(port.data[i] - '0');
        FUZZ_ASSERT(number <= 65535);
    }
}

static void check_authority(struct slice text)
{
    static const struct slice untouched = {"untouched", 9};
    struct slice host = untouched, port = untouched, other_host, other_port;
    bool valid = syntax_split_authority(text, false, &host, &port);
    bool valid_or_empty = syntax_split_authority(text, true, &other_host, &other_port);

    FUZZ_ASSERT(valid_or_empty || !valid);
    if (valid_or_empty && !valid)
        FUZZ_ASSERT(other_host.size == 0);
    if (!valid) {
        FUZZ_ASSERT(host.data == untouched.data && port.data == untouched.data);
        return;
    }
    FUZZ_ASSERT(host.data == text.data && host.size > 0);
    FUZZ_ASSERT(slice_equal(host, other_host) && slice_equal(port, other_port));
    FUZZ_ASSERT(host.size + (port.data ? 1 + port.size : 0) == text.size);
    if (port.data)
        FUZZ_ASSERT(fuzz_is_within(port, text) && text.data[host.size] == ':');
    check_host(host);
    check_port(port);
}

/* The other direction: unreserved characters and sub-delims form a host. */
static void check_plain_host(struct slice text)
{
    struct slice host, port;
    bool plain = text.size > 0;

    for (size_t i = 0; i < text.size; i++)
        plain &= is_alphanumeric(text.data[i]) || is_one_of(text.data[i], "-._~!$&'()*+,;=");
    if (plain) {
        FUZZ_ASSERT(syntax_split_authority(text, false, &host, &port));
        FUZZ_ASSERT(slice_equal(host, text) && !port.data);
    }
}

static void check_path(struct slice text)
{
    bool expected = true;

    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '%')
            expected &= i + 2 < text.size && is_hex(text.data[i + 1]) && is_hex(text.data[i + 2]) &&
                !(text.data[i + 1] == '0' && text.data[i + 2] == '0');
    FUZZ_ASSERT(target_path_is_valid(text) == expected);
}

/* Compares the two halves of the text. */
static void check_slices(struct slice text)
{
    struct slice a = {text.data, text.size / 2}, b = slice_after(text, text.size - text.size / 2);
    bool equal = a.size == 0 || memcmp(a.data, b.data, a.size) == 0, similar = true;

    for (size_t i = 0; i < a.size; i++) {
        char x = a.data[i], y = b.data[i];
        bool letters = is_alphanumeric(x) && is_alphanumeric(y) && x > '9' && y > '9';
        similar &= x == y || (letters && (x ^ y) == 0x20);
    }
    FUZZ_ASSERT(slice_equal(a, b) == equal);
    FUZZ_ASSERT(slice_equal_ignore_case(a, b) == similar);
    FUZZ_ASSERT(!slice_equal(a, text) || a.size == text.size);
    for (int c = 0; c < 256; c += 51) {
        size_t at = slice_find(text, (char)c);
        FUZZ_ASSERT(at <= text.size && (at == text.size || text.data[at] == (char)c));
        for (size_t i = 0; i < at; i++)
            FUZZ_ASSERT(text.data[i] != (char)c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice text = {copy, size};

    check_classes(text);
    check_trim(text);
    check_decimal(text);
    check_addresses(text);
    check_authority(text);
    check_plain_host(text);
    check_path(text);
    check_slices(text);
    free(copy);
    return 0;
}
