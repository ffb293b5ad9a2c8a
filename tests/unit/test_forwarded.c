/* Tests src/proxy/forwarded.h, the parser of forwarding fields. */

#include "proxy/forwarded.h"
#include "unit.h"

#include <stdio.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A request with these field lines, each with its CRLF, placed before unreadable memory. */
static struct request parse(const char *fields)
{
    static const struct request_limits limits = {.line = 1000, .section = 10000, .fields = 100};
    char head[4096];
    int size = snprintf(head, sizeof(head), "GET / HTTP/1.0\r\n%s\r\n", fields);
    struct slice copy = unit_copy_at_end((struct slice){head, (size_t)size});
    struct request request = {0};
    size_t parsed = 0;

    unit_same_int("status of the request",
        request_parse(&request, copy.data, copy.size, &limits, &parsed), 0);
    return request;
}

/* ---- names ---------------------------------------------------------------------------------- */

static void test_names(void)
{
    unit_case("the names of the fields");
    unit_same_int("Forwarded", forwarded_field_named(SLICE("Forwarded")), FORWARDED);
    unit_same_int("in capitals", forwarded_field_named(SLICE("FORWARDED")), FORWARDED);
    unit_same_int("-For", forwarded_field_named(SLICE("X-Forwarded-For")), FORWARDED_FOR);
    unit_same_int("-Proto", forwarded_field_named(SLICE("x-forwarded-proto")), FORWARDED_PROTO);
    unit_same_int("-Host", forwarded_field_named(SLICE("X-Forwarded-Host")), FORWARDED_HOST);
    unit_same_int("-Port", forwarded_field_named(SLICE("X-Forwarded-Port")), FORWARDED_PORT);
    unit_same_int("-Prefix", forwarded_field_named(SLICE("X-Forwarded-Prefix")), FORWARDED_PREFIX);
    unit_same_int("another", forwarded_field_named(SLICE("X-Forwarded-Server")), 0);
    unit_same_int("shorter", forwarded_field_named(SLICE("Forward")), 0);
    unit_same_int("none", forwarded_field_named(SLICE("")), 0);
}

/* ---- elements ------------------------------------------------------------------------------- */

/* Formats an element as address,port,scheme,host, with "-" for an absent one, or "malformed". */
static void describe(const struct forwarded_element *element, char *text, size_t size)
{
    const struct slice parts[] = {element->address, element->port, element->scheme, element->host};
    size_t end = 0;

    if (element->is_malformed) {
        for (size_t i = 0; i < LENGTH(parts); i++)
            unit_ok(!parts[i].data, "nothing else is set");
        snprintf(text, size, "malformed");
        return;
    }
    for (size_t i = 0; i < LENGTH(parts); i++)
        end += (size_t)snprintf(text + end, size - end, "%s%.*s", i > 0 ? "," : "",
            parts[i].data ? (int)parts[i].size : 1, parts[i].data ? parts[i].data : "-");
}

static const struct {
    const char *value;
    const char *elements; /* each followed by a space */
} standard_rows[] = {
    /* the examples of RFC 7239 §4 and §7.1 */
    {"for=\"_gazonk\"", "-,-,-,- "},
    {"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17,4711,-,- "},
    {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60,-,http,- "},
    {"for=192.0.2.43, for=198.51.100.17", "192.0.2.43,-,-,- 198.51.100.17,-,-,- "},
    {"for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
        "192.0.2.43,-,-,- 2001:db8:cafe::17,-,-,- -,-,-,- "},
    {"for=_hidden, for=_SEVKISEK", "-,-,-,- -,-,-,- "},
    {"for=192.0.2.43;host=example.org;proto=https", "192.0.2.43,-,https,example.org "},
    {"for=\"192.0.2.43:47011\"", "192.0.2.43,47011,-,- "},
    /* ports */
    {"for=\"192.0.2.43:_port\"", "192.0.2.43,-,-,- "},
    {"for=\"192.0.2.43:65535\"", "192.0.2.43,65535,-,- "},
    {"for=\"192.0.2.43:65536\"", "malformed "},
    {"for=\"192.0.2.43:000080\"", "malformed "},
    {"for=\"192.0.2.43:\"", "malformed "},
    {"for=\"unknown:80\"", "-,-,-,- "},
    {"for=\"_hidden:80\"", "-,-,-,- "},
    {"for=192.0.2.43:80", "malformed "}, /* a colon is not a tchar */
    /* addresses */
    {"for=2001:db8::1", "malformed "},
    {"for=\"2001:db8::1\"", "malformed "}, /* brackets are required */
    {"for=\"[192.0.2.1]\"", "malformed "},
    {"for=\"[2001:db8::1\"", "malformed "},
    {"for=\"[2001:db8::1]80\"", "malformed "},
    {"for=\"[::ffff:192.0.2.1]\"", "::ffff:192.0.2.1,-,-,- "},
    {"for=\"[fe80::1%25eth0]\"", "malformed "},
    {"for=192.0.2", "malformed "},
    {"for=192.0.2.256", "malformed "},
    {"for=example.org", "malformed "},
    {"for=_", "malformed "},
    {"for=_a/b", "malformed "},
    {"for=\"\"", "malformed "},
    {"for=", "malformed "},
    /* pairs */
    {"FOR=192.0.2.1;PROTO=HTTPS;HOST=A", "192.0.2.1,-,HTTPS,A "},
    {"proto=https", "-,-,https,- "},
    {"host=\"example.org:8443\"", "-,-,-,example.org:8443 "},
    {"host=\"[2001:db8::1]:8443\"", "-,-,-,[2001:db8::1]:8443 "},
    {"secret=\"a;b,c=\\\"d\\\"\";for=192.0.2.1", "192.0.2.1,-,-,- "},
    {"for=192.0.2.1 ; proto=https", "192.0.2.1,-,https,- "},
    {";;for=192.0.2.1;;proto=https;", "192.0.2.1,-,https,- "},
    {"for=192.0.2.1;for=192.0.2.2", "malformed "},
    {"for=192.0.2.1;proto=http;proto=https", "malformed "},
    {"host=a;for=192.0.2.1;Host=b", "malformed "},
    {"for = 192.0.2.1", "malformed "},
    {"for=192.0.2.1;proto", "malformed "},
    {"for=192.0.2.1;=x", "malformed "},
    {"for=192.0.2.1 proto=https", "malformed "},
    {"for=192.0.2.1;host=\"a\\b\"", "malformed "}, /* no host needs an escape */
    {"for=192.0.2.1;host=\"a\"b", "malformed "},
    {"192.0.2.1", "malformed "},
    /* lists */
    {"", ""},
    {" , ,", ""},
    {",for=192.0.2.1,,for=192.0.2.2,", "192.0.2.1,-,-,- 192.0.2.2,-,-,- "},
    {"x, for=192.0.2.1", "malformed 192.0.2.1,-,-,- "},
    /* a quoted-string without an end includes all that is appended */
    {"for=\"192.0.2.1, for=192.0.2.2", "malformed "},
    {"for=\"192.0.2.1\\\", for=192.0.2.2", "malformed "},
    {"\", for=192.0.2.2", "malformed "},
};

static const struct {
    const char *value;
    const char *elements;
} for_rows[] = {
    {"192.0.2.1", "192.0.2.1,-,-,- "},
    {"192.0.2.1, 192.0.2.2,192.0.2.3", "192.0.2.1,-,-,- 192.0.2.2,-,-,- 192.0.2.3,-,-,- "},
    {"192.0.2.1:4711", "192.0.2.1,4711,-,- "},
    {"2001:db8::1", "2001:db8::1,-,-,- "},
    {"[2001:db8::1]", "2001:db8::1,-,-,- "},
    {"[2001:db8::1]:4711", "2001:db8::1,4711,-,- "},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.1,-,-,- "},
    {"fe80::1%eth0.10, fe80::2", "fe80::1,-,-,- fe80::2,-,-,- "},
    {"fe80::1%", "malformed "},
    {"fe80::1%a b", "malformed "},
    {"192.0.2.1%eth0", "malformed "},
    {"unknown", "-,-,-,- "},
    {"Unknown, 192.0.2.1", "-,-,-,- 192.0.2.1,-,-,- "},
    {"_hidden", "-,-,-,- "},
    {"\"192.0.2.1\"", "malformed "},
    {"for=192.0.2.1", "malformed "},
    {"192.0.2.1 192.0.2.2", "malformed "},
    {"192.0.2.1:x", "malformed "},
    {"192.0.2.1:", "malformed "},
    {"192.0.2.01", "malformed "},
    {"example.org", "malformed "},
    {"-", "malformed "},
    {"127.1", "malformed "},
    {"<script>, 192.0.2.1", "malformed 192.0.2.1,-,-,- "},
    {"\", 192.0.2.1", "malformed 192.0.2.1,-,-,- "}, /* quotes have no meaning here */
    {"", ""},
    {",,", ""},
};

static void expect_elements(
    enum forwarded_field field, const char *name, const char *value, const char *expected)
{
    char fields[1024], actual[1024] = "";
    struct forwarded_cursor cursor = {0};
    struct forwarded_element element;

    unit_case("%s: %s", name, value);
    snprintf(fields, sizeof(fields), "%s: %s\r\n", name, value);
    const struct request request = parse(fields);
    while (forwarded_next(&request, field, &cursor, &element)) {
        size_t end = strlen(actual);
        describe(&element, actual + end, sizeof(actual) - end);
        strcat(actual, " ");
    }
    unit_same_slice("elements", slice_of(actual), slice_of(expected));
}

static void test_elements(void)
{
    for (size_t i = 0; i < LENGTH(standard_rows); i++)
        expect_elements(FORWARDED, "Forwarded", standard_rows[i].value, standard_rows[i].elements);
    for (size_t i = 0; i < LENGTH(for_rows); i++)
        expect_elements(FORWARDED_FOR, "X-Forwarded-For", for_rows[i].value, for_rows[i].elements);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void test_lines(void)
{
    const struct request request =
        parse("X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.9\r\n"
              "x-forwarded-for: , \r\nX-FORWARDED-FOR: 192.0.2.2, \r\n");
    struct forwarded_cursor cursor = {0};
    struct forwarded_element element;

    unit_case("several lines form one list");
    unit_ok(forwarded_next(&request, FORWARDED_FOR, &cursor, &element), "a first one");
    unit_same_slice("address", element.address, SLICE("192.0.2.1"));
    unit_ok(forwarded_next(&request, FORWARDED_FOR, &cursor, &element), "a second one");
    unit_same_slice("address", element.address, SLICE("192.0.2.2"));
    unit_ok(!forwarded_next(&request, FORWARDED_FOR, &cursor, &element), "no third one");
    unit_ok(!forwarded_next(&request, FORWARDED_FOR, &cursor, &element), "none in a later call");
}

static void test_finding(void)
{
    const struct request request = parse("X-Forwarded-Proto: a, b\r\nX-Forwarded-Host: x\r\n"
                                         "X-Forwarded-Port:\r\nX-Forwarded-Proto: c ,d\r\n");

    unit_case("an element by the number of those after it");
    unit_same_slice("0", forwarded_find(&request, FORWARDED_PROTO, 0), SLICE("d"));
    unit_same_slice("1", forwarded_find(&request, FORWARDED_PROTO, 1), SLICE("c"));
    unit_same_slice("2", forwarded_find(&request, FORWARDED_PROTO, 2), SLICE("b"));
    unit_same_slice("3", forwarded_find(&request, FORWARDED_PROTO, 3), SLICE("a"));
    unit_same_slice("4", forwarded_find(&request, FORWARDED_PROTO, 4), SLICE("a"));
    unit_same_slice("of one", forwarded_find(&request, FORWARDED_HOST, 7), SLICE("x"));
    unit_same_slice("empty", forwarded_find(&request, FORWARDED_PORT, 0), (struct slice){0});
    unit_same_slice("none", forwarded_find(&request, FORWARDED_PREFIX, 0), (struct slice){0});
}

/* ---- values --------------------------------------------------------------------------------- */

static const struct {
    bool (*is_valid)(struct slice);
    const char *name, *value;
    bool expected;
} value_rows[] = {
    {forwarded_is_scheme, "scheme", "http", true},
    {forwarded_is_scheme, "scheme", "HTTPS", true},
    {forwarded_is_scheme, "scheme", "", false},
    {forwarded_is_scheme, "scheme", "https:", false},
    {forwarded_is_scheme, "scheme", "wss", false},
    {forwarded_is_scheme, "scheme", "httpss", false},
    {forwarded_is_host, "host", "example.org", true},
    {forwarded_is_host, "host", "example.org:8443", true},
    {forwarded_is_host, "host", "[2001:db8::1]:8443", true},
    {forwarded_is_host, "host", "", false},
    {forwarded_is_host, "host", "a b", false},
    {forwarded_is_host, "host", "a/b", false},
    {forwarded_is_host, "host", "a@b", false},
    {forwarded_is_host, "host", "a:65536", false},
    {forwarded_is_port, "port", "1", true},
    {forwarded_is_port, "port", "65535", true},
    {forwarded_is_port, "port", "0", false},
    {forwarded_is_port, "port", "080", false},
    {forwarded_is_port, "port", "65536", false},
    {forwarded_is_port, "port", "", false},
    {forwarded_is_port, "port", "+80", false},
    {forwarded_is_port, "port", "80x", false},
    {forwarded_is_prefix, "prefix", "/", true},
    {forwarded_is_prefix, "prefix", "/blog", true},
    {forwarded_is_prefix, "prefix", "/blog/", true},
    {forwarded_is_prefix, "prefix", "/a/b%20c", true},
    {forwarded_is_prefix, "prefix", "", false},
    {forwarded_is_prefix, "prefix", "blog", false},
    {forwarded_is_prefix, "prefix", "//evil.example", false},
    {forwarded_is_prefix, "prefix", "/\\evil.example", false},
    {forwarded_is_prefix, "prefix", "/%2Fevil.example", false},
    {forwarded_is_prefix, "prefix", "/%2fevil.example", false},
    {forwarded_is_prefix, "prefix", "/%5cevil.example", false},
    {forwarded_is_prefix, "prefix", "/%2", false},
    {forwarded_is_prefix, "prefix", "/%20/%2F", true},
    /* control characters, also encoded; encoded UTF-8 has obs-text */
    {forwarded_is_prefix, "prefix", "/a%09", false},
    {forwarded_is_prefix, "prefix", "/%09/evil.example", false},
    {forwarded_is_prefix, "prefix", "/a%0d%0aX-Evil:%201", false},
    {forwarded_is_prefix, "prefix", "/a%0Ab", false},
    {forwarded_is_prefix, "prefix", "/%01", false},
    {forwarded_is_prefix, "prefix", "/a%1F", false},
    {forwarded_is_prefix, "prefix", "/a%7f", false},
    {forwarded_is_prefix, "prefix", "/a%7E%C3%A9%80%FF", true},
    {forwarded_is_prefix, "prefix", "/a\x7f", false},
    /* RFC 3986 §5.2.4: dot segments, encoded or not, with any separator */
    {forwarded_is_prefix, "prefix", "/.", false},
    {forwarded_is_prefix, "prefix", "/..", false},
    {forwarded_is_prefix, "prefix", "/./a", false},
    {forwarded_is_prefix, "prefix", "/../a", false},
    {forwarded_is_prefix, "prefix", "/a/..", false},
    {forwarded_is_prefix, "prefix", "/a/./", false},
    {forwarded_is_prefix, "prefix", "/a/../b", false},
    {forwarded_is_prefix, "prefix", "/a/%2e%2E/b", false},
    {forwarded_is_prefix, "prefix", "/a/.%2e", false},
    {forwarded_is_prefix, "prefix", "/%2E", false},
    {forwarded_is_prefix, "prefix", "/a%2f..%2Fb", false},
    {forwarded_is_prefix, "prefix", "/a%5C..%5cb", false},
    {forwarded_is_prefix, "prefix", "/a%5c.", false},
    {forwarded_is_prefix, "prefix", "/...", true},
    {forwarded_is_prefix, "prefix", "/.a/..b/a./b../a.b/a..b", true},
    {forwarded_is_prefix, "prefix", "/%2e%2e%2e/%2ewell-known", true},
    {forwarded_is_prefix, "prefix", "/a//b/", true},
    {forwarded_is_prefix, "prefix", "/%252e%252e/", true},
    {forwarded_is_prefix, "prefix", "/a?b", false},
    {forwarded_is_prefix, "prefix", "/a#b", false},
    {forwarded_is_prefix, "prefix", "/a b", false},
    {forwarded_is_prefix, "prefix", "/a%2", false},
    {forwarded_is_prefix, "prefix", "/a%00", false},
    {forwarded_is_prefix, "prefix", "/\xc3\xa9", false},
    {forwarded_is_prefix, "prefix", "http://a/b", false},
};

static void test_values(void)
{
    for (size_t i = 0; i < LENGTH(value_rows); i++) {
        unit_case("%s: '%s'", value_rows[i].name, value_rows[i].value);
        struct slice value = unit_copy_at_end(slice_of(value_rows[i].value));
        unit_same_int("valid", value_rows[i].is_valid(value), value_rows[i].expected);
    }
}

int main(void)
{
    test_names();
    test_elements();
    test_lines();
    test_finding();
    test_values();
    return unit_done();
}
