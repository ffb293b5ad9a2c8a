/* Tests src/log/combined.h, lines of an access log. */

#include "log/combined.h"
#include "unit.h"

#include <stdlib.h>

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TIME_TEXT "[24/Nov/2026:09:05:07 +0100]"

static const struct tm noon = {
    .tm_mday = 24,
    .tm_mon = 10,
    .tm_year = 126,
    .tm_hour = 9,
    .tm_min = 5,
    .tm_sec = 7,
    .tm_gmtoff = 3600,
};

static struct slice line_of(const struct combined *combined)
{
    char *buffer = unit_room_at_end(COMBINED_SIZE);

    combined_write(combined, buffer);
    return (struct slice){buffer, strlen(buffer)};
}

/* ---- the format ----------------------------------------------------------------------------- */

static void test_whole_line(void)
{
    struct combined combined = {
        .host = S("192.0.2.7"),
        .time = &noon,
        .line = S("GET /a?b=c HTTP/1.1"),
        .status = 200,
        .content = 12345678901,
        .referer = S("http://a/"),
        .user_agent = S("curl/8.1 (x; y)"),
    };

    unit_case("the combined log format");
    unit_same_slice("line", line_of(&combined),
        S("192.0.2.7 - - " TIME_TEXT " \"GET /a?b=c HTTP/1.1\" 200 12345678901 \"http://a/\" "
          "\"curl/8.1 (x; y)\""));

    unit_case("absent values are \"-\"");
    combined = (struct combined){.time = &noon};
    unit_same_slice("line", line_of(&combined), S("- - - " TIME_TEXT " \"-\" - - \"-\" \"-\""));
}

/* ---- the time ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct tm time;
    const char *text;
} times[] = {
    {"the first month, one digit, UTC", {.tm_mday = 1, .tm_year = 100},
        "[01/Jan/2000:00:00:00 +0000]"},
    {"the last month, the last second",
        {.tm_mday = 31, .tm_mon = 11, .tm_year = 99, .tm_hour = 23, .tm_min = 59, .tm_sec = 60},
        "[31/Dec/1999:23:59:60 +0000]"},
    {"west of Greenwich, by hours and minutes",
        {.tm_mday = 5, .tm_mon = 4, .tm_year = 126, .tm_gmtoff = -(3 * 3600 + 30 * 60)},
        "[05/May/2026:00:00:00 -0330]"},
    {"east of Greenwich, by hours and minutes",
        {.tm_mday = 5, .tm_mon = 9, .tm_year = 126, .tm_gmtoff = 5 * 3600 + 45 * 60},
        "[05/Oct/2026:00:00:00 +0545]"},
};

static void test_times(void)
{
    for (size_t i = 0; i < LENGTH(times); i++) {
        struct combined combined = {.time = &times[i].time};
        char expected[128] = "- - - ";
        unit_case("time: %s", times[i].name);
        strcat(expected, times[i].text);
        strcat(expected, " \"-\" - - \"-\" \"-\"");
        unit_same_slice("line", line_of(&combined), (struct slice){expected, strlen(expected)});
    }
}

/* ---- escaping ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct slice input;
    const char *output;
} escapes[] = {
    {"a quote", S("a\" 200 7"), "a\\x22 200 7"},
    {"a backslash", S("a\\x22"), "a\\x5Cx22"},
    {"CR and LF", S("a\r\nb"), "a\\x0D\\x0Ab"},
    {"NUL", S("a\0b"), "a\\x00b"},
    {"tab, escape, DEL", S("\t\x1b[2J\x7f"), "\\x09\\x1B[2J\\x7F"},
    {"UTF-8", S("\xc3\xa9"), "\\xC3\\xA9"},
    {"the first and last visible character, and a space", S("!~ "), "!~ "},
    {"percent signs are not formats", S("%s%n"), "%s%n"},
};

/* The same text in each of the quoted parts. */
static void test_escapes(void)
{
    for (size_t i = 0; i < LENGTH(escapes); i++) {
        struct slice input = escapes[i].input;
        struct combined combined = {
            .time = &noon, .line = input, .referer = input, .user_agent = input};
        const char *output = escapes[i].output;
        char expected[512] = "- - - " TIME_TEXT " \"";
        unit_case("escaped: %s", escapes[i].name);
        strcat(strcat(expected, output), "\" - - \"");
        strcat(strcat(expected, output), "\" \"");
        strcat(strcat(expected, output), "\"");
        unit_same_slice("line", line_of(&combined), (struct slice){expected, strlen(expected)});
    }
}

/* ---- length --------------------------------------------------------------------------------- */

static void test_length(const char *name, char byte)
{
    enum { LONG = 100000 };
    char *text = malloc(LONG);
    struct slice whole = {text, LONG};
    struct combined combined = {
        .host = whole,
        .time = &noon,
        .line = whole,
        .status = 999,
        .content = UINT64_MAX,
        .referer = whole,
        .user_agent = whole,
    };

    memset(text, byte, LONG);
    unit_case("too long: %s", name);
    struct slice line = line_of(&combined); /* a write past the buffer is fatal */
    unit_ok(line.size < COMBINED_SIZE, "it has %zu bytes", line.size);
    unit_ok(line.size > COMBINED_SIZE / 2, "it has %zu bytes", line.size);
    unit_same_slice("end", slice_after(line, line.size - 4), S("...\""));
    free(text);
}

int main(void)
{
    test_whole_line();
    test_times();
    test_escapes();
    test_length("plain", 'a');
    test_length("escaped", '"');
    return unit_done();
}
