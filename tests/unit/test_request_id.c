/* Tests src/http/request_id.h, the ID of a request. */

#include "http/request_id.h"
#include "unit.h"

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TEN "0123456789"
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

/* ---- valid IDs ------------------------------------------------------------------------------ */

static bool expect_id_char(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c != 0 && strchr("._~+/=:@-", c) != NULL);
}

static void test_valid(void)
{
    static const char longest[] =
        TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567"; /* 128 */

    unit_case("an ID: each byte");
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, 'b'};
        unit_context("byte 0x%02x", (unsigned)c);
        unit_same_int("valid", request_id_is_valid(unit_copy_at_end((struct slice){text, 3})),
            expect_id_char(c));
    }
    unit_case("an ID: its length");
    unit_ok(!request_id_is_valid(S("")), "empty");
    unit_ok(!request_id_is_valid((struct slice){0}), "absent");
    unit_ok(request_id_is_valid(S("a")), "one character");
    unit_ok(request_id_is_valid(S(longest)), "128 characters");
    unit_ok(!request_id_is_valid(S(TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345678")),
        "129 characters");
}

/* ---- W3C Trace Context §3.2 ----------------------------------------------------------------- */

static const struct {
    const char *name;
    struct slice value;
    bool is_valid;
} traceparents[] = {
    {"the example of §3.2.2", S("00-" TRACE "-" PARENT "-01"), true},
    {"not sampled", S("00-" TRACE "-" PARENT "-00"), true},
    {"unknown flags", S("00-" TRACE "-" PARENT "-ff"), true},
    {"a later version", S("cc-" TRACE "-" PARENT "-01"), true},
    {"a later version with more", S("cc-" TRACE "-" PARENT "-01-what-the-future"), true},
    {"a later version with more in the flags", S("cc-" TRACE "-" PARENT "-01.what"), false},
    {"version ff", S("ff-" TRACE "-" PARENT "-01"), false},
    {"more in version 00", S("00-" TRACE "-" PARENT "-01-what"), false},
    {"a dash at the end of version 00", S("00-" TRACE "-" PARENT "-01-"), false},
    {"a trace-id of zeros", S("00-00000000000000000000000000000000-" PARENT "-01"), false},
    {"a parent-id of zeros", S("00-" TRACE "-0000000000000000-01"), false},
    {"capitals", S("00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01"), false},
    {"no hexadecimal digit", S("00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01"), false},
    {"a short trace-id", S("00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-01"), false},
    {"a long trace-id", S("00-" TRACE "0-" PARENT "-01"), false},
    {"another separator", S("00_" TRACE "-" PARENT "-01"), false},
    {"cut off in the flags", S("00-" TRACE "-" PARENT "-0"), false},
    {"cut off before the flags", S("00-" TRACE "-" PARENT), false},
    {"cut off in the trace-id", S("00-4bf92f35"), false},
    {"empty", S(""), false},
};

static void test_traceparents(void)
{
    for (size_t i = 0; i < LENGTH(traceparents); i++) {
        struct slice value = unit_copy_at_end(traceparents[i].value);
        unit_case("traceparent: %s", traceparents[i].name);
        unit_same_slice("trace-id", request_id_of_traceparent(value),
            traceparents[i].is_valid ? S(TRACE) : (struct slice){0});
    }
}

/* ---- of a request --------------------------------------------------------------------------- */

#define TRACEPARENT "traceparent: 00-" TRACE "-" PARENT "-01\r\n"

static const struct {
    const char *name, *fields, *id; /* NULL: none */
} requests[] = {
    {"none", "", NULL},
    {"X-Request-ID", "X-Request-ID: abc\r\n", "abc"},
    {"in any case", "x-rEQUEST-iD: abc\r\n", "abc"},
    {"traceparent", TRACEPARENT, TRACE},
    {"X-Request-ID before traceparent", TRACEPARENT "X-Request-ID: abc\r\n", "abc"},
    {"an invalid X-Request-ID", "X-Request-ID: a b\r\n" TRACEPARENT, TRACE},
    {"two of X-Request-ID", "X-Request-ID: abc\r\nX-Request-ID: def\r\n", NULL},
    {"two of traceparent", TRACEPARENT TRACEPARENT, NULL},
    {"a name that only begins so", "X-Request-ID2: abc\r\nX-Request: def\r\n", NULL},
    {"an empty one", "X-Request-ID:\r\n", NULL},
};

static void test_requests(void)
{
    const struct request_limits limits = {.line = 1024, .section = 1024, .fields = 10};

    for (size_t i = 0; i < LENGTH(requests); i++) {
        struct request request = {0};
        const char *id = requests[i].id;
        char text[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
        size_t size;
        unit_case("of a request: %s", requests[i].name);
        strcat(strcat(text, requests[i].fields), "\r\n");
        unit_same_int("status", request_parse(&request, text, strlen(text), &limits, &size), 0);
        unit_same_slice("ID", request_id_find(&request),
            id ? (struct slice){id, strlen(id)} : (struct slice){0});
    }
}

static void test_making(void)
{
    static const unsigned char bytes[REQUEST_ID_RANDOM_SIZE] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80,
        0xab, 0xff, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
    char id[REQUEST_ID_SIZE];

    unit_case("an ID of random bytes");
    request_id_write(bytes, id);
    unit_same_slice("ID", (struct slice){id, strlen(id)}, S("00010f107f80abff123456789abcdef0"));
    unit_ok(request_id_is_valid((struct slice){id, strlen(id)}), "it is valid");
}

int main(void)
{
    test_valid();
    test_traceparents();
    test_requests();
    test_making();
    return unit_done();
}
