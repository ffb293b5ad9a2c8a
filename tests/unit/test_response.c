/* Tests src/http/response.h, the head and the framing of responses. */

#include "http/response.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NOW ((time_t)784111777) /* the example of RFC 9110 §5.6.7 */
#define NOW_TEXT "Sun, 06 Nov 1994 08:49:37 GMT"

static struct response begin(const char *method, unsigned minor)
{
    struct request request = {.method = {method, strlen(method)}, .minor = minor};
    struct response response;

    memset(&response, 0xA5, sizeof(response)); /* response_init must set every member */
    response_init(&response, &request);
    return response;
}

/* ---- RFC 9110 §15, RFC 9112 §4: status ------------------------------------------------------- */

static const struct status_row {
    const char *name;
    struct slice input;
    unsigned status; /* 0: refused */
} status_rows[] = {
    {"PEP 3333: 200 OK", S("200 OK"), 200},
    {"RFC 9110 §15: the largest", S("999 x"), 999},
    {"RFC 9110 §15: a class not known here", S("700 x"), 700},
    {"RFC 9112 §4: an empty reason phrase", S("204 "), 204},
    {"RFC 9112 §4: tab, space and obs-text in the reason phrase", S("404 Not\tf\xc3\xa9und "), 404},
    {"RFC 9112 §4: a reason phrase of spaces", S("200   "), 200},
    {"RFC 9112 §4: no space", S("200"), 0},
    {"RFC 9112 §4: tab instead of the space", S("200\tOK"), 0},
    {"RFC 9112 §4: no space before the phrase", S("200OK"), 0},
    {"RFC 9112 §4: two digits", S("20 OK"), 0},
    {"RFC 9112 §4: four digits", S("2000 OK"), 0},
    {"RFC 9112 §4: empty", S(""), 0},
    {"RFC 9112 §4: phrase only", S("OK"), 0},
    {"RFC 9112 §4: leading space", S(" 200 OK"), 0},
    {"RFC 9112 §4: sign", S("+20 OK"), 0},
    {"RFC 9112 §4: hexadecimal", S("2a0 OK"), 0},
    {"RFC 9112 §4: digits outside of ASCII", S("\xb2\xb2\xb2 OK"), 0},
    {"RFC 9112 §4: a whole status line", S("HTTP/1.1 200 OK"), 0},
    {"RFC 9112 §4: CR LF at the end", S("200 OK\r\n"), 0},
    {"RFC 9112 §4: a field in the phrase", S("200 OK\r\nX: b"), 0},
    {"RFC 9112 §4: CR in the phrase", S("200 O\rK"), 0},
    {"RFC 9112 §4: LF in the phrase", S("200 O\nK"), 0},
    {"RFC 9112 §4: NUL in the phrase", S("200 O\0K"), 0},
    {"RFC 9112 §4: DEL in the phrase", S("200 O\x7fK"), 0},
    {"RFC 9110 §15: below 100", S("099 x"), 0},
    {"RFC 9110 §15: zero", S("000 x"), 0},
    {"RFC 9110 §15.2: 100 is not final", S("100 Continue"), 0},
    {"RFC 9110 §15.2: 101 is not final", S("101 Switching Protocols"), 0},
    {"RFC 9110 §15.2: 103 is not final", S("103 Early Hints"), 0},
    {"RFC 9110 §15.2: 199 is not final", S("199 x"), 0},
};

static void test_status(void)
{
    for (size_t i = 0; i < LENGTH(status_rows); i++) {
        const struct status_row *row = &status_rows[i];
        struct response response = begin("GET", 1);
        unit_case("%s", row->name);
        const char *problem = response_set_status(&response, unit_copy_at_end(row->input));
        unit_ok(!problem == (row->status != 0), "problem: %s", problem ? problem : "none");
        unit_same_number("status", response.status, row->status);
    }

    unit_case("RFC 9110 §15: every status from 000 to 999");
    for (unsigned status = 0; status < 1000; status++) {
        struct response response = begin("GET", 1);
        char text[16];
        int size = snprintf(text, sizeof(text), "%03u x", status);
        unit_context("%s", text);
        bool refused = response_set_status(&response, (struct slice){text, (size_t)size}) != NULL;
        unit_ok(refused == (status < 200), "refused: %d", refused);
        unit_same_number("status", response.status, status < 200 ? 0 : status);
    }

    unit_case("RFC 9112 §4: each byte in the reason phrase");
    for (int c = 0; c < 256; c++) {
        struct response response = begin("GET", 1);
        char text[] = {'2', '0', '0', ' ', (char)c};
        bool refused = response_set_status(&response, (struct slice){text, sizeof(text)}) != NULL;
        unit_ok(refused == ((c < 0x20 && c != '\t') || c == 0x7F), "byte 0x%02x", (unsigned)c);
    }
}

static void test_new_status(void)
{
    struct response response = begin("HEAD", 0);
    bool drop;

    unit_case("PEP 3333: a new status resets everything");
    response_set_status(&response, S("200 OK"));
    response_add_field(&response, S("Content-Length"), S("5"), &drop);
    response_add_field(&response, S("Date"), S("x"), &drop);
    response_add_field(&response, S("Server"), S("x"), &drop);
    unit_ok(!response_set_status(&response, S("500 Oops")), "refused");
    unit_same_number("status", response.status, 500);
    unit_ok(!response.has_content_length && !response.has_date && !response.has_server,
        "former fields are remembered");
    unit_ok(response.is_head && response.to_http10, "the request is forgotten");
    unit_ok(!response_add_field(&response, S("Content-Length"), S("6"), &drop),
        "the Content-Length counts as a second one");

    unit_case("a refused status changes nothing");
    unit_ok(response_set_status(&response, S("100 Continue")), "accepted");
    unit_same_number("status", response.status, 500);
    unit_same_number("Content-Length", response.content_length, 6);
}

/* ---- PEP 3333, RFC 9110 §5: fields ----------------------------------------------------------- */

static const struct field_row {
    const char *name;
    struct slice field, value;
    bool refused;
} field_rows[] = {
    {"RFC 9110 §5.1: a field", S("Content-Type"), S("text/plain; charset=\"utf-8\""), false},
    {"RFC 9110 §5.1: all kinds of tchars", S("!#$%&'*+-.^_`|~09azAZ"), S("b"), false},
    {"RFC 9110 §5.5: empty value", S("X"), S(""), false},
    {"RFC 9110 §5.5: obs-text", S("X"), S("caf\xc3\xa9"), false},
    {"RFC 9110 §5.1: empty name", S(""), S("b"), true},
    {"RFC 9110 §5.1: space in the name", S("X Y"), S("b"), true},
    {"RFC 9110 §5.1: space after the name", S("X "), S("b"), true},
    {"RFC 9110 §5.1: colon in the name", S("X:"), S("b"), true},
    {"RFC 9110 §5.1: CR LF in the name", S("X: a\r\nY"), S("b"), true},
    {"RFC 9110 §5.1: NUL in the name", S("X\0"), S("b"), true},
    {"RFC 9110 §5.1: obs-text in the name", S("X\xe9"), S("b"), true},
    {"PEP 3333: CR LF in the value", S("X"), S("b\r\nSet-Cookie: c"), true},
    {"PEP 3333: CR LF at the end of the value", S("X"), S("b\r\n"), true},
    {"PEP 3333: CR LF before the value", S("X"), S("\r\nb"), true},
    {"PEP 3333: folding", S("X"), S("b\r\n c"), true},
    {"PEP 3333: CR in the value", S("X"), S("b\rc"), true},
    {"PEP 3333: LF in the value", S("X"), S("b\nc"), true},
    {"PEP 3333: NUL in the value", S("X"), S("b\0"), true},
    {"PEP 3333: DEL in the value", S("X"), S("b\x7f"), true},
    {"PEP 3333: vertical tab in the value", S("X"), S("\v"), true},
    {"PEP 3333: escape in the value", S("X"), S("\x1b[1m"), true},
    {"RFC 9110 §7.6.1: Connection", S("Connection"), S("close"), true},
    {"RFC 9110 §7.6.1: connection", S("connection"), S("keep-alive"), true},
    {"RFC 9110 §7.6.1: CONNECTION", S("CONNECTION"), S(""), true},
    {"RFC 9110 §7.6.1: Keep-Alive", S("keep-ALIVE"), S("timeout=5"), true},
    {"RFC 9110 §7.6.1: Proxy-Connection", S("proxy-Connection"), S("close"), true},
    {"RFC 9110 §7.6.1: TE", S("tE"), S("trailers"), true},
    {"RFC 9110 §7.6.1: Transfer-Encoding", S("tRANSFER-eNCODING"), S("chunked"), true},
    {"RFC 9110 §7.6.1: Upgrade", S("uPGRADE"), S("h2c"), true},
    {"RFC 9110 §6.6.2: Trailer", S("tRAILER"), S("X"), true},
    {"PEP 3333: Trailers (as in RFC 2616 §13.5.1)", S("tRAILERS"), S("X"), true},
    {"PEP 3333: Proxy-Authenticate", S("pROXY-aUTHENTICATE"), S("Basic"), true},
    {"PEP 3333: Proxy-Authorization", S("pROXY-aUTHORIZATION"), S("Basic"), true},
    {"a name that begins with that of a hop-by-hop field", S("Upgrade-Insecure-Requests"), S("1"),
        false},
    {"a beginning of the name of a hop-by-hop field", S("Connectio"), S("1"), false},
    {"RFC 9110 §8.6: Content-Length", S("Content-Length"), S("5"), false},
    {"RFC 9110 §8.6: Content-Length, white space", S("content-LENGTH"), S(" 5\t"), false},
    {"RFC 9110 §8.6: Content-Length, largest", S("Content-Length"), S("18446744073709551615"),
        false},
    {"RFC 9110 §8.6: Content-Length, overflow", S("Content-Length"), S("18446744073709551616"),
        true},
    {"RFC 9110 §8.6: Content-Length, empty", S("Content-Length"), S(""), true},
    {"RFC 9110 §8.6: Content-Length, sign", S("Content-Length"), S("+5"), true},
    {"RFC 9110 §8.6: Content-Length, minus", S("Content-Length"), S("-1"), true},
    {"RFC 9110 §8.6: Content-Length, list", S("Content-Length"), S("5, 5"), true},
    {"RFC 9110 §8.6: Content-Length, hexadecimal", S("Content-Length"), S("0x5"), true},
    {"RFC 9110 §8.6: Content-Length, fraction", S("Content-Length"), S("5.0"), true},
    {"RFC 9110 §8.6: Content-Length, None", S("Content-Length"), S("None"), true},
};

static void test_fields(void)
{
    for (size_t i = 0; i < LENGTH(field_rows); i++) {
        const struct field_row *row = &field_rows[i];
        struct response response = begin("GET", 1);
        bool drop = true;
        unit_case("%s", row->name);
        response_set_status(&response, S("200 OK"));
        const char *problem =
            response_add_field(&response, row->field, unit_copy_at_end(row->value), &drop);
        unit_ok(!problem == !row->refused, "problem: %s", problem ? problem : "none");
        problem = response_add_field(&response, unit_copy_at_end(row->field), row->value, &drop);
        unit_ok(row->refused ? problem != NULL : true, "accepted at the second time");
        unit_ok(!drop, "drop");
    }

    unit_case("PEP 3333: each byte in the value");
    for (int c = 0; c < 256; c++) {
        struct response response = begin("GET", 1);
        char byte = (char)c;
        bool drop;
        response_set_status(&response, S("200 OK"));
        bool refused = response_add_field(&response, S("X"), (struct slice){&byte, 1}, &drop);
        unit_ok(refused == ((c < 0x20 && c != '\t') || c == 0x7F), "byte 0x%02x", (unsigned)c);
    }
}

static void test_content_length(void)
{
    struct response response = begin("GET", 1);
    bool drop;

    unit_case("RFC 9110 §8.6: the Content-Length of the app is known");
    response_set_status(&response, S("200 OK"));
    unit_ok(!response.has_content_length, "before");
    response_add_field(&response, S("Content-Length"), S("0042"), &drop);
    unit_ok(response.has_content_length && !drop, "after");
    unit_same_number("Content-Length", response.content_length, 42);

    unit_case("RFC 9110 §8.6: a second Content-Length, even the same");
    unit_ok(response_add_field(&response, S("content-length"), S("42"), &drop), "accepted");
    unit_ok(response_add_field(&response, S("Content-Length"), S("43"), &drop), "accepted");
    unit_same_number("Content-Length", response.content_length, 42);

    static const struct {
        struct slice status;
        const char *method;
        bool drop;
    } rows[] = {
        {S("204 No Content"), "GET", true},
        {S("204 No Content"), "HEAD", true},
        {S("200 OK"), "HEAD", false},
        {S("205 Reset Content"), "GET", true},
        {S("304 Not Modified"), "GET", false},
        {S("404 Not Found"), "GET", false},
    };
    unit_case(
        "RFC 9110 §8.6: no Content-Length with 204 and 205; with HEAD and 304 it is that of GET");
    for (size_t i = 0; i < LENGTH(rows); i++) {
        response = begin(rows[i].method, 1);
        unit_context("%s to %s", rows[i].status.data, rows[i].method);
        response_set_status(&response, rows[i].status);
        unit_ok(!response_add_field(&response, S("X"), S("b"), &drop) && !drop, "another field");
        unit_ok(!response_add_field(&response, S("Content-Length"), S("5"), &drop), "refused");
        unit_ok(drop == rows[i].drop, "drop: %d", drop);
        unit_ok(response_add_field(&response, S("Content-Length"), S("5"), &drop), "second one");
    }
    unit_context("malformed with 204");
    response = begin("GET", 1);
    response_set_status(&response, S("204 No Content"));
    unit_ok(response_add_field(&response, S("Content-Length"), S("x"), &drop), "accepted");
}

/* ---- RFC 9112 §6: framing -------------------------------------------------------------------- */

static enum response_framing expect_framing(
    const char *method, unsigned minor, unsigned status, bool length_known)
{
    if (strcmp(method, "HEAD") == 0 || status == 204 || status == 205 || status == 304)
        return RESPONSE_NO_CONTENT;
    if (length_known)
        return RESPONSE_LENGTH;
    return minor > 0 ? RESPONSE_CHUNKED : RESPONSE_CLOSE;
}

/* The server's framing fields, for each framing. */
static const char *expect_framing_fields(enum response_framing framing)
{
    return framing == RESPONSE_CHUNKED ? "Transfer-Encoding: chunked\r\n" : "";
}

static void check_framing(const char *method, unsigned minor, unsigned status, bool length_known)
{
    struct response response = begin(method, minor);
    enum response_framing expected = expect_framing(method, minor, status, length_known);
    char text[16], tail[RESPONSE_TAIL_SIZE], expected_tail[RESPONSE_TAIL_SIZE];
    bool drop;

    unit_context(
        "%s, HTTP/1.%u, %u, length %s", method, minor, status, length_known ? "known" : "unknown");
    int size = snprintf(text, sizeof(text), "%u x", status);
    response_set_status(&response, (struct slice){text, (size_t)size});
    if (length_known)
        response_add_field(&response, S("Content-Length"), S("5"), &drop);
    unit_ok(
        response_allows_content(&response) == (expected != RESPONSE_NO_CONTENT), "allows content");
    response_decide_framing(&response);
    unit_same_int("framing", (int)response.framing, (int)expected);

    size = snprintf(expected_tail, sizeof(expected_tail),
        "%sDate: " NOW_TEXT "\r\nServer: wsgi-once\r\nConnection: close\r\n\r\n",
        expect_framing_fields(expected));
    size_t tail_size = response_write_tail(&response, false, NOW, tail);
    unit_same_slice(
        "tail", (struct slice){tail, tail_size}, (struct slice){expected_tail, (size_t)size});
}

static void test_framing(void)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS", "head", "HEADER", ""};
    static const unsigned statuses[] = {
        200, 201, 203, 204, 205, 206, 301, 303, 304, 305, 400, 404, 500, 503, 999};

    unit_case("RFC 9112 §6.3: framing of each method, version, status, length");
    for (size_t m = 0; m < LENGTH(methods); m++)
        for (unsigned minor = 0; minor < 10; minor++)
            for (size_t s = 0; s < LENGTH(statuses); s++)
                for (int known = 0; known < 2; known++)
                    check_framing(methods[m], minor, statuses[s], known);

    unit_case("RFC 9112 §6.3: a length that becomes known later");
    struct response response = begin("GET", 1);
    response_set_status(&response, S("200 OK"));
    response_set_content_length(&response, 7);
    response_decide_framing(&response);
    unit_same_int("framing", (int)response.framing, RESPONSE_LENGTH);
    unit_same_number("Content-Length", response.content_length, 7);
}

/* ---- the server's fields --------------------------------------------------------------------- */

#define DATE "Date: " NOW_TEXT "\r\n"
#define SERVER "Server: wsgi-once\r\n"
#define CLOSE "Connection: close\r\n\r\n"

static const struct tail_row {
    const char *name;
    bool chunked, has_length, own_length, has_date, has_server;
    uint64_t length;
    struct slice expected;
} tail_rows[] = {
    {"nothing of the app", .expected = S(DATE SERVER CLOSE)},
    {"RFC 9110 §6.6.1: a Date of the app", .has_date = true, .expected = S(SERVER CLOSE)},
    {"RFC 9110 §10.2.4: a Server of the app", .has_server = true, .expected = S(DATE CLOSE)},
    {"both of the app", .has_date = true, .has_server = true, .expected = S(CLOSE)},
    {"RFC 9112 §6.2: Content-Length of the app", .has_length = true, .length = 5,
        .expected = S(DATE SERVER CLOSE)},
    {"RFC 9112 §6.2: Content-Length of the server", .has_length = true, .own_length = true,
        .length = 5, .expected = S("Content-Length: 5\r\n" DATE SERVER CLOSE)},
    {"RFC 9112 §6.2: a Content-Length of zero", .has_length = true, .own_length = true,
        .expected = S("Content-Length: 0\r\n" DATE SERVER CLOSE)},
    {"RFC 9112 §6.2: the largest Content-Length", .has_length = true, .own_length = true,
        .length = UINT64_MAX,
        .expected = S("Content-Length: 18446744073709551615\r\n" DATE SERVER CLOSE)},
    {"RFC 9112 §6.1: chunked", .chunked = true,
        .expected = S("Transfer-Encoding: chunked\r\n" DATE SERVER CLOSE)},
    {"RFC 9112 §6.1: chunked, no length known", .chunked = true, .own_length = true,
        .expected = S("Transfer-Encoding: chunked\r\n" DATE SERVER CLOSE)},
};

static void test_tail(void)
{
    for (size_t i = 0; i < LENGTH(tail_rows); i++) {
        const struct tail_row *row = &tail_rows[i];
        struct response response = begin("GET", row->chunked);
        bool drop;
        unit_case("tail: %s", row->name);
        response_set_status(&response, S("200 OK"));
        if (row->has_date)
            response_add_field(&response, S("dATE"), S("x"), &drop);
        if (row->has_server)
            response_add_field(&response, S("sERVER"), S("x"), &drop);
        if (row->has_length)
            response_set_content_length(&response, row->length);
        response_decide_framing(&response);

        char *buffer = unit_room_at_end(RESPONSE_TAIL_SIZE);
        size_t size = response_write_tail(&response, row->own_length, NOW, buffer);
        unit_same_slice("tail", (struct slice){buffer, size}, row->expected);
    }

    unit_case("tail: the longest one fits");
    struct response response = begin("GET", 1);
    response_set_status(&response, S("200 OK"));
    response_set_content_length(&response, UINT64_MAX);
    response_decide_framing(&response);
    response.framing = RESPONSE_CHUNKED;
    char *buffer = unit_room_at_end(RESPONSE_TAIL_SIZE);
    size_t size = response_write_tail(&response, true, NOW, buffer);
    unit_ok(size < RESPONSE_TAIL_SIZE && memcmp(buffer + size - 4, "\r\n\r\n", 4) == 0, "cut");
}

/* ---- RFC 9112 §7.1: chunks ------------------------------------------------------------------- */

static void check_chunk_head(uint64_t number)
{
    char expected[64], *buffer = unit_room_at_end(RESPONSE_CHUNK_HEAD_SIZE);
    int size = snprintf(expected, sizeof(expected), "%jx\r\n", (uintmax_t)number);

    unit_same_slice("chunk head", (struct slice){buffer, response_write_chunk_head(number, buffer)},
        (struct slice){expected, (size_t)size});
}

static void test_chunks(void)
{
    unit_case("RFC 9112 §7.1: chunk heads");
    for (uint64_t number = 1; number <= 70000; number++)
        check_chunk_head(number);
    for (unsigned bits = 0; bits < 64; bits++)
        for (uint64_t delta = 0; delta < 3; delta++)
            if ((UINT64_C(1) << bits) + delta > 1)
                check_chunk_head((UINT64_C(1) << bits) + delta - 1);
    check_chunk_head(UINT64_MAX);

    unit_case("RFC 9112 §7.1: the last chunk");
    unit_same_slice("last chunk", S(RESPONSE_LAST_CHUNK), S("0\r\n\r\n"));
}

/* ---- responses of the server itself ---------------------------------------------------------- */

static const struct plain_row {
    unsigned status;
    const char *reason; /* RFC 9110 §15.5, §15.6; RFC 6585 §5 */
} plain_rows[] = {
    /* Versions of clang-format break these lines differently. */
    /* clang-format off */
    {200, "OK"}, {400, "Bad Request"}, {404, "Not Found"}, {408, "Request Timeout"},
    {413, "Content Too Large"}, {414, "URI Too Long"}, {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
    {501, "Not Implemented"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    {799, ""}, /* RFC 9112 §4: the phrase may be empty; the space before it stays */
    /* clang-format on */
};

static void check_plain(const struct plain_row *row, const char *detail, bool is_head)
{
    char text[RESPONSE_PLAIN_SIZE], expected[2 * RESPONSE_PLAIN_SIZE];
    char *buffer = unit_room_at_end(RESPONSE_PLAIN_SIZE);
    int text_size = snprintf(text, sizeof(text), "%u %s%s%s\n", row->status, row->reason,
        detail ? ": " : "", detail ? detail : "");
    int size = snprintf(expected, sizeof(expected),
        "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n" DATE
            SERVER CLOSE "%s",
        row->status, row->reason, text_size, is_head ? "" : text);

    unit_context("detail: %s, %s", detail ? detail : "none", is_head ? "HEAD" : "GET");
    unit_same_slice("answer",
        (struct slice){buffer, response_write_plain(row->status, detail, is_head, NOW, buffer)},
        (struct slice){expected, (size_t)size});
}

static void test_plain(void)
{
    for (size_t i = 0; i < LENGTH(plain_rows); i++) {
        unit_case("RFC 9110 §15: plain answer %u %s", plain_rows[i].status, plain_rows[i].reason);
        for (int is_head = 0; is_head < 2; is_head++) {
            check_plain(&plain_rows[i], NULL, is_head);
            check_plain(&plain_rows[i], "some detail", is_head);
            check_plain(&plain_rows[i], "", is_head);
        }
    }
}

/* A long detail may be truncated, but the response is complete and its Content-Length correct. */
static void test_long_plain(void)
{
    char detail[3 * RESPONSE_PLAIN_SIZE];

    unit_case("RFC 9112 §6.2: a plain answer with any length of detail is framed");
    for (size_t n = 0; n < sizeof(detail); n += 7) {
        memset(detail, 'x', n);
        detail[n] = '\0';
        char *buffer = unit_room_at_end(RESPONSE_PLAIN_SIZE);
        size_t size = response_write_plain(431, detail, false, NOW, buffer);
        unit_context("detail of %zu bytes", n);
        char *end = memmem(buffer, size, "\r\n\r\n", 4);
        char *length = memmem(buffer, size, "Content-Length: ", 16);
        if (!unit_ok(size <= RESPONSE_PLAIN_SIZE && end && length && length < end, "incomplete"))
            continue;
        unit_same_number("Content-Length", strtoull(length + 16, NULL, 10),
            (uint64_t)(buffer + size - (end + 4)));
    }
}

/* ---- RFC 9110 §5.6.7: Date ------------------------------------------------------------------- */

/* Compares with the calendar of the C library, in its "C" locale. */
static void check_date(time_t now)
{
    struct response response = {.has_server = true};
    char expected[128], buffer[RESPONSE_TAIL_SIZE];
    struct tm tm;

    if (!gmtime_r(&now, &tm))
        return;
    size_t expected_size = strftime(expected, sizeof(expected),
        "Date: %a, %d %b %Y %H:%M:%S GMT\r\nConnection: close\r\n\r\n", &tm);
    size_t size = response_write_tail(&response, false, now, buffer);
    if (size != expected_size || memcmp(buffer, expected, size) != 0)
        unit_context("timestamp %lld", (long long)now);
    unit_same_slice("date", (struct slice){buffer, size}, (struct slice){expected, expected_size});
}

static void test_dates(void)
{
    enum { DAY = 86400 };
    static const time_t special[] = {
        0,                     /* 1970-01-01 */
        68169600,              /* 1972-02-29, the first leap day */
        NOW,                   /* RFC 9110 §5.6.7 */
        915148799,             /* 1998-12-31 23:59:59 */
        946684799,             /* 1999-12-31 23:59:59 */
        951782400,             /* 2000-02-29: 400 divides the year */
        951868800,             /* 2000-03-01 */
        1709164800,            /* 2024-02-29 */
        2147483647,            /* the largest 32-bit number */
        INT64_C(2147483648),   /* and the next second */
        INT64_C(4107456000),   /* 2100-02-28: no leap year */
        INT64_C(4107542400),   /* 2100-03-01 */
        INT64_C(4294967296),   /* 2106-02-07, unsigned 32 bits */
        INT64_C(13574563200),  /* 2400-02-29 */
        INT64_C(253402300799), /* 9999-12-31 23:59:59, the last with four digits */
    };

    unit_case("RFC 9110 §5.6.7: special dates and the seconds before and after");
    for (size_t i = 0; i < LENGTH(special); i++)
        for (time_t delta = -1; delta <= 1; delta++)
            if (special[i] + delta >= 0 && special[i] + delta <= INT64_C(253402300799))
                check_date(special[i] + delta);

    unit_case("RFC 9110 §5.6.7: each day of 400 years, its last second and a moment within");
    for (time_t day = 0; day < 146097; day++) {
        check_date(day * DAY);
        check_date(day * DAY + DAY - 1);
        check_date(day * DAY + day * 7919 % DAY);
    }

    unit_case("RFC 9110 §5.6.7: each second of a day");
    for (time_t second = 0; second < DAY; second++)
        check_date(951782400 + second);

    unit_case("RFC 9110 §5.6.7: the ends of all years with four digits");
    for (time_t year = 1970; year < 10000; year++) {
        time_t past = year - 1, days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
        check_date(days * DAY);
        check_date((days + 58) * DAY); /* 28 February */
        check_date((days + 59) * DAY); /* the day after it */
        check_date((days + 364) * DAY);
    }
}

int main(void)
{
    test_status();
    test_new_status();
    test_fields();
    test_content_length();
    test_framing();
    test_tail();
    test_chunks();
    test_plain();
    test_long_plain();
    test_dates();
    return unit_done();
}
