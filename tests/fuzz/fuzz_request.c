/* Fuzzes request_parse: the input is what a client sends. */

#include "http/request.h"

#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <sanitizer/asan_interface.h>

static const struct request_limits limit_sets[] = {
    {.line = 8192, .section = 65536, .fields = 100, .content = UINT64_MAX / 2},
    {.line = 40, .section = 80, .fields = 3, .content = 100},
};

struct outcome {
    int status;
    struct request request;
    size_t size;
};

static struct outcome nothing_yet(void)
{
    return (struct outcome){.status = -EAGAIN};
}

static void advance(struct outcome *outcome, const struct request_limits *limits, struct slice data)
{
    if (outcome->status == -EAGAIN)
        outcome->status =
            request_parse(&outcome->request, data.data, data.size, limits, &outcome->size);
}

static bool same_place(struct slice a, struct slice b)
{
    return a.data == b.data && a.size == b.size;
}

/* The outcome does not depend on how the bytes arrive. */
static void check_same(const struct outcome *a, const struct outcome *b)
{
    const struct request *x = &a->request, *y = &b->request;

    FUZZ_ASSERT(a->status == b->status);
    FUZZ_ASSERT(a->size == b->size);
    FUZZ_ASSERT(!x->problem == !y->problem);
    FUZZ_ASSERT(!x->problem || strcmp(x->problem, y->problem) == 0);
    FUZZ_ASSERT(same_place(x->method, y->method) && same_place(x->target, y->target));
    FUZZ_ASSERT(same_place(x->host, y->host) && same_place(x->path, y->path));
    FUZZ_ASSERT(same_place(x->scheme, y->scheme));
    FUZZ_ASSERT(same_place(x->query, y->query) && same_place(x->fields, y->fields));
    FUZZ_ASSERT(x->minor == y->minor && x->form == y->form && x->chunked == y->chunked);
    FUZZ_ASSERT(x->has_content_length == y->has_content_length);
    FUZZ_ASSERT(x->content_length == y->content_length);
    FUZZ_ASSERT(x->expects_continue == y->expects_continue);
}

/* Bytes that have not arrived yet are poisoned. */
static void check_growing(
    struct slice input, const struct request_limits *limits, const struct outcome *whole)
{
    struct outcome outcome = nothing_yet();

    for (size_t size = 0; size <= input.size; size++) {
        ASAN_POISON_MEMORY_REGION(input.data + size, input.size - size);
        advance(&outcome, limits, (struct slice){input.data, size});
        ASAN_UNPOISON_MEMORY_REGION(input.data, input.size);
    }
    check_same(&outcome, whole);
}

static void check_split(
    struct slice input, const struct request_limits *limits, const struct outcome *whole, size_t at)
{
    struct outcome outcome = nothing_yet();

    ASAN_POISON_MEMORY_REGION(input.data + at, input.size - at);
    advance(&outcome, limits, (struct slice){input.data, at});
    ASAN_UNPOISON_MEMORY_REGION(input.data, input.size);
    advance(&outcome, limits, input);
    check_same(&outcome, whole);
}

/* Content after the head has no effect: it is removed, or unreadable. */
static void check_content_ignored(
    struct slice input, const struct request_limits *limits, const struct outcome *whole)
{
    struct outcome cut = nothing_yet(), hidden = nothing_yet();
    size_t rest = input.size - whole->size;

    advance(&cut, limits, (struct slice){input.data, whole->size});
    check_same(&cut, whole);
    ASAN_POISON_MEMORY_REGION(input.data + whole->size, rest);
    advance(&hidden, limits, input);
    ASAN_UNPOISON_MEMORY_REGION(input.data, input.size);
    check_same(&hidden, whole);

    /* One byte less is incomplete. */
    struct outcome early = nothing_yet();
    advance(&early, limits, (struct slice){input.data, whole->size - 1});
    FUZZ_ASSERT(early.status == -EAGAIN);
}

/* ---- the specification, implemented again ---------------------------------------------------- */

/* The result of a simple reading of the head. */
struct reading {
    unsigned hosts, lengths, codings, types, credentials, fields;
    struct slice host, length, coding;
    bool expects, expects_other;
};

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_after(text, 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* RFC 9110 §5.6.1.2: a list, in which empty members are ignored. */
static void read_expectations(struct reading *reading, struct slice list)
{
    size_t comma = slice_find(list, ',');
    struct slice member = trim((struct slice){list.data, comma});

    if (fuzz_is_named(member, "100-continue"))
        reading->expects = true;
    else if (member.size > 0)
        reading->expects_other = true;
    if (comma < list.size)
        read_expectations(reading, slice_after(list, comma + 1));
}

static void read_field(struct reading *reading, struct slice line)
{
    size_t colon = slice_find(line, ':');
    FUZZ_ASSERT(colon < line.size);
    struct slice name = {line.data, colon}, value = trim(slice_after(line, colon + 1));

    FUZZ_ASSERT(fuzz_is_token(name));
    FUZZ_ASSERT(fuzz_is_field_value(value));
    reading->fields++;
    if (fuzz_is_named(name, "Host")) {
        reading->hosts++;
        reading->host = value;
    } else if (fuzz_is_named(name, "Content-Length")) {
        reading->lengths++;
        reading->length = value;
    } else if (fuzz_is_named(name, "Transfer-Encoding")) {
        reading->codings++;
        reading->coding = value;
    } else if (fuzz_is_named(name, "Expect"))
        read_expectations(reading, value);
    reading->types += fuzz_is_named(name, "Content-Type");
    reading->credentials += fuzz_is_named(name, "Authorization");
}

/* Reads the field lines of an accepted head and compares them with request_next_field. */
static struct reading read_fields(const struct request *request)
{
    struct reading reading = {0};
    struct slice rest = request->fields;
    size_t cursor = 0;
    struct request_field field;

    while (rest.size > 0) {
        const char *end = memmem(rest.data, rest.size, "\r\n", 2);
        FUZZ_ASSERT(end && end > rest.data);
        struct slice line = {rest.data, (size_t)(end - rest.data)};
        read_field(&reading, line);
        FUZZ_ASSERT(request_next_field(request, &cursor, &field));
        FUZZ_ASSERT(field.name.data == line.data && field.name.size == slice_find(line, ':'));
        FUZZ_ASSERT(slice_equal(field.value, trim(slice_after(line, field.name.size + 1))));
        rest = slice_after(rest, line.size + 2);
    }
    FUZZ_ASSERT(!request_next_field(request, &cursor, &field));
    return reading;
}

/* Host and framing of an accepted request (RFC 9112 §3.2, §6). */
static void check_fields(const struct request *request, const struct request_limits *limits)
{
    struct reading reading = read_fields(request);

    FUZZ_ASSERT(reading.fields <= limits->fields);
    FUZZ_ASSERT(reading.types <= 1 && reading.credentials <= 1);
    FUZZ_ASSERT(reading.hosts <= 1 && (reading.hosts == 1 || request->minor == 0));
    for (size_t i = 0; i < reading.host.size; i++)
        FUZZ_ASSERT(!strchr(" \t@/\\?#<>\"", reading.host.data[i]));
    if (request->form == REQUEST_ORIGIN)
        FUZZ_ASSERT(
            reading.hosts > 0 ? same_place(request->host, reading.host) : !request->host.data);

    FUZZ_ASSERT(!(request->chunked && request->has_content_length));
    FUZZ_ASSERT(reading.lengths == request->has_content_length);
    FUZZ_ASSERT(reading.codings == request->chunked && (!request->chunked || request->minor > 0));
    FUZZ_ASSERT(!request->chunked || fuzz_is_named(reading.coding, "chunked"));
    if (request->has_content_length) {
        uint64_t number = 0;
        FUZZ_ASSERT(reading.length.size > 0);
        for (size_t i = 0; i < reading.length.size; i++) {
            FUZZ_ASSERT(reading.length.data[i] >= '0' && reading.length.data[i] <= '9');
            FUZZ_ASSERT(number <= limits->content);
            number = number * 10 + (uint64_t)(reading.length.data[i] - '0');
        }
        FUZZ_ASSERT(number == request->content_length && number <= limits->content);
    }
    FUZZ_ASSERT(request_has_content(request) == (request->chunked || request->content_length > 0));
    FUZZ_ASSERT(request->expects_continue ==
        (reading.expects && request->minor > 0 && request_has_content(request)));
    FUZZ_ASSERT(!reading.expects_other);
}

static void check_path(const struct request *request)
{
    struct slice path = request->path;

    FUZZ_ASSERT(path.size > 0 && path.data[0] == '/');
    FUZZ_ASSERT(slice_find(path, '?') == path.size);
    for (size_t i = 0; i < path.size; i++) {
        unsigned value;
        char digits[3] = {0};
        if (path.data[i] != '%')
            continue;
        FUZZ_ASSERT(path.size - i >= 3);
        memcpy(digits, path.data + i + 1, 2);
        FUZZ_ASSERT(strspn(digits, "0123456789abcdefABCDEF") == 2);
        FUZZ_ASSERT(sscanf(digits, "%x", &value) == 1 && value != 0);
    }
}

/* Only an absolute-form target has a scheme, before the authority. */
static void check_scheme(const struct request *request)
{
    struct slice target = request->target, scheme = request->scheme;
    bool is_absolute = target.data[0] != '/' && target.data[0] != '*';

    FUZZ_ASSERT(!scheme.data == (!is_absolute || slice_equal(request->method, SLICE("CONNECT"))));
    if (!scheme.data)
        return;
    FUZZ_ASSERT(fuzz_is_named(scheme, "http") || fuzz_is_named(scheme, "https"));
    FUZZ_ASSERT(scheme.data == target.data && target.size >= scheme.size + 3);
    FUZZ_ASSERT(memcmp(target.data + scheme.size, "://", 3) == 0);
}

/* Method and target of an accepted request (RFC 9112 §3). */
static void check_target(const struct request *request)
{
    struct slice method = request->method, target = request->target;

    FUZZ_ASSERT(fuzz_is_token(method) && method.size <= 32);
    FUZZ_ASSERT(target.size > 0 && request->minor <= 9);
    for (size_t i = 0; i < target.size; i++)
        FUZZ_ASSERT(target.data[i] > ' ' && target.data[i] < 0x7F && target.data[i] != '#');
    FUZZ_ASSERT(slice_equal(method, SLICE("CONNECT")) == (request->form == REQUEST_AUTHORITY));
    check_scheme(request);
    switch (request->form) {
    case REQUEST_ORIGIN:
        check_path(request);
        FUZZ_ASSERT(request->path.data == target.data);
        FUZZ_ASSERT(target.size ==
            request->path.size + (request->query.data ? 1 + request->query.size : 0));
        break;
    case REQUEST_ABSOLUTE:
        check_path(request);
        FUZZ_ASSERT(request->host.size > 0 && fuzz_is_within(request->host, target));
        FUZZ_ASSERT(slice_find(request->host, '@') == request->host.size);
        break;
    case REQUEST_AUTHORITY:
        FUZZ_ASSERT(slice_equal(request->host, target));
        FUZZ_ASSERT(request->path.size == 0 && !request->query.data);
        break;
    case REQUEST_ASTERISK:
        FUZZ_ASSERT(slice_equal(method, SLICE("OPTIONS")));
        FUZZ_ASSERT(request->path.size == 0 && !request->query.data);
        break;
    }
}

/* The head is the request line and the field lines, each ended by CRLF, and nothing else. */
static void check_layout(const struct request *request, struct slice head)
{
    struct slice line = {head.data, head.size - request->fields.size - 2};

    FUZZ_ASSERT(fuzz_is_within(request->fields, head));
    FUZZ_ASSERT(request->fields.data + request->fields.size + 2 == head.data + head.size);
    if (line.data[0] == '\r')
        line = slice_after(line, 2);
    char *expected = NULL;
    int size = asprintf(&expected, "%.*s %.*s HTTP/1.%u\r\n", (int)request->method.size,
        request->method.data, (int)request->target.size, request->target.data, request->minor);
    FUZZ_ASSERT(size > 0 && slice_equal(line, (struct slice){expected, (size_t)size}));
    free(expected);
    for (size_t i = 0; i < head.size; i++) {
        FUZZ_ASSERT(fuzz_is_text(head.data[i]) || head.data[i] == '\r' || head.data[i] == '\n');
        FUZZ_ASSERT(head.data[i] != '\r' || (i + 1 < head.size && head.data[i + 1] == '\n'));
        FUZZ_ASSERT(head.data[i] != '\n' || (i > 0 && head.data[i - 1] == '\r'));
    }
    FUZZ_ASSERT(memcmp(head.data + head.size - 4, "\r\n\r\n", 4) == 0);
}

static void check_accepted(
    const struct outcome *outcome, struct slice input, const struct request_limits *limits)
{
    const struct request *request = &outcome->request;

    FUZZ_ASSERT(outcome->size <= input.size && !request->problem);
    FUZZ_ASSERT(request->target.size <= limits->line && request->fields.size <= limits->section);
    check_layout(request, (struct slice){input.data, outcome->size});
    check_target(request);
    check_fields(request, limits);
    check_content_ignored(input, limits, outcome);
}

/* A method that is too long is refused without waiting for more bytes: with 414 if the limit of the
 * line is lower, otherwise with 501. */
static void check_long_method(
    const struct outcome *outcome, struct slice input, const struct request_limits *limits)
{
    size_t size = slice_find(input, ' ');

    if (size > 32 && fuzz_is_token((struct slice){input.data, size}))
        FUZZ_ASSERT(outcome->status == (limits->line >= 32 ? 501 : 414));
}

static void check_refused(const struct outcome *outcome)
{
    static const int statuses[] = {400, 413, 414, 417, 431, 501, 505};
    bool known = outcome->status == -EAGAIN;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        known |= outcome->status == statuses[i];
    FUZZ_ASSERT(known);
    FUZZ_ASSERT(outcome->size == 0);
    FUZZ_ASSERT(!outcome->request.problem == (outcome->status == -EAGAIN));
}

static void run(struct slice input, const struct request_limits *limits)
{
    struct outcome whole = nothing_yet();

    advance(&whole, limits, input);
    if (whole.status == 0)
        check_accepted(&whole, input, limits);
    else
        check_refused(&whole);
    check_long_method(&whole, input, limits);
    check_growing(input, limits, &whole);
    /* Splits a short input at every position, a long one at some, for speed. */
    for (size_t at = 0; at <= input.size; at += 1 + input.size / 64)
        check_split(input, limits, &whole, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);

    for (size_t i = 0; i < sizeof(limit_sets) / sizeof(limit_sets[0]); i++)
        run((struct slice){copy, size}, &limit_sets[i]);
    free(copy);
    return 0;
}
