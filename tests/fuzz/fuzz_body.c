/* Fuzzes body_decode. The first byte of the input selects the framing: "C" for chunked, "T" for
 * chunked with tight limits, any other byte for a Content-Length of its value. The rest is the
 * content in that framing. */

#include "http/body.h"

#include "fuzz.h"

static const struct body_limits generous = {.content = 1 << 20, .overhead = 1 << 20};
static const struct body_limits tight = {.content = 20, .overhead = 20};

enum end {
    INCOMPLETE,
    DONE,
    REFUSED,
};

struct outcome {
    enum end end;
    int status;
    size_t used;
    char *content; /* room for the whole input */
    size_t size;
};

/* ---- a simple decoder, which needs the whole input ------------------------------------------- */

struct reader {
    struct slice rest;
    enum end end;   /* INCOMPLETE until the outcome is known */
    bool stopped;   /* at the end of the input or refused */
    bool too_large; /* the size of one chunk exceeds the limit of the content */
    size_t overhead;
};

/* Returns the next byte without consuming it; '\0' with reader->stopped when there is none. */
static char peek(struct reader *reader)
{
    if (reader->rest.size == 0)
        reader->stopped = true;
    return reader->stopped ? '\0' : reader->rest.data[0];
}

static void skip(struct reader *reader)
{
    if (!reader->stopped)
        reader->rest = slice_after(reader->rest, 1);
}

static void refuse(struct reader *reader)
{
    if (!reader->stopped)
        reader->end = REFUSED;
    reader->stopped = true;
}

static void expect(struct reader *reader, char byte)
{
    if (peek(reader) == byte)
        skip(reader);
    else
        refuse(reader);
}

static void skip_blanks(struct reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t')
        skip(reader);
}

static void read_token(struct reader *reader)
{
    size_t size = 0;

    for (; fuzz_is_tchar(peek(reader)); size++)
        skip(reader);
    if (size == 0)
        refuse(reader);
}

static void read_quoted(struct reader *reader)
{
    expect(reader, '"');
    while (!reader->stopped && peek(reader) != '"') {
        if (peek(reader) == '\\')
            skip(reader);
        char byte = peek(reader);
        if (fuzz_is_text(byte))
            skip(reader);
        else
            refuse(reader);
    }
    expect(reader, '"');
}

/* RFC 9112 §7.1.1 */
static void read_extensions(struct reader *reader)
{
    size_t before = reader->rest.size;

    while (!reader->stopped && peek(reader) != '\r') {
        skip_blanks(reader);
        expect(reader, ';');
        skip_blanks(reader);
        read_token(reader);
        /* White space may belong to "=" or to the next ";". */
        struct reader ahead = *reader;
        skip_blanks(&ahead);
        if (peek(&ahead) != '=')
            continue;
        *reader = ahead;
        skip(reader);
        skip_blanks(reader);
        if (peek(reader) == '"')
            read_quoted(reader);
        else
            read_token(reader);
    }
    reader->overhead += before - reader->rest.size;
}

/* RFC 9112 §7.1.2 */
static void read_trailers(struct reader *reader)
{
    size_t before = reader->rest.size;

    while (!reader->stopped && peek(reader) != '\r') {
        read_token(reader);
        expect(reader, ':');
        while (fuzz_is_text(peek(reader)))
            skip(reader);
        expect(reader, '\r');
        expect(reader, '\n');
    }
    reader->overhead += before - reader->rest.size;
    expect(reader, '\r');
    expect(reader, '\n');
    if (!reader->stopped)
        reader->end = DONE;
}

static uint64_t read_size(struct reader *reader)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint64_t size = 0;
    size_t count = 0;

    for (;; count++) {
        char byte = peek(reader);
        const char *digit = byte != '\0' ? strchr(digits, byte) : NULL;
        if (!digit)
            break;
        if (size <= generous.content) /* more digits only make it larger */
            size = size * 16 + (uint64_t)(digit - digits) % 16;
        skip(reader);
    }
    if (count == 0)
        refuse(reader);
    reader->too_large |= size > generous.content;
    return size;
}

static void read_chunk_data(struct reader *reader, uint64_t size, struct outcome *outcome)
{
    size_t n = reader->rest.size < size ? reader->rest.size : (size_t)size;

    if (n > 0)
        memcpy(outcome->content + outcome->size, reader->rest.data, n);
    outcome->size += n;
    reader->rest = slice_after(reader->rest, n);
    expect(reader, '\r');
    expect(reader, '\n');
}

static struct reader read_chunked(struct slice input, struct outcome *outcome)
{
    struct reader reader = {.rest = input};
    uint64_t total = 0, size;

    while (!reader.stopped) {
        size = read_size(&reader);
        read_extensions(&reader);
        expect(&reader, '\r');
        expect(&reader, '\n');
        if (reader.stopped)
            break;
        total += size;
        if (total > generous.content)
            refuse(&reader);
        else if (size == 0)
            break;
        else
            read_chunk_data(&reader, size, outcome);
    }
    if (!reader.stopped)
        read_trailers(&reader);
    outcome->end = reader.end;
    outcome->used = input.size - reader.rest.size;
    return reader;
}

/* ---- the decoder under test ------------------------------------------------------------------ */

static void step(struct body *body, struct outcome *outcome, struct slice *piece)
{
    size_t used;
    struct slice content;

    outcome->status = body_decode(body, piece->data, piece->size, &used, &content);
    if (outcome->status != 0) {
        FUZZ_ASSERT(outcome->status == 400 || outcome->status == 413 || outcome->status == 431);
        FUZZ_ASSERT(body->problem);
        outcome->end = REFUSED;
        return;
    }
    FUZZ_ASSERT(!body->problem);
    FUZZ_ASSERT(used <= piece->size && content.size <= used);
    FUZZ_ASSERT(content.size == 0 || content.data + content.size == piece->data + used);
    FUZZ_ASSERT(content.size > 0 || used == piece->size || body_is_done(body));
    if (content.size > 0)
        memcpy(outcome->content + outcome->size, content.data, content.size);
    outcome->size += content.size;
    outcome->used += used;
    *piece = slice_after(*piece, used);
    if (body_is_done(body))
        outcome->end = DONE;
}

/* Decodes the input in a piece of size `first` and more of size `then`, each in its own memory. */
static struct outcome decode(const struct request *request, const struct body_limits *limits,
    struct slice input, size_t first, size_t then)
{
    struct outcome outcome = {.content = malloc(input.size + 1)};
    struct body body;

    body_init(&body, request, limits);
    if (body_is_done(&body))
        outcome.end = DONE;
    for (size_t at = 0, n, size = first; at < input.size && outcome.end == INCOMPLETE; at += n) {
        n = input.size - at < size ? input.size - at : size;
        size = then;
        char *copy = fuzz_copy(input.data + at, n);
        struct slice piece = {copy, n};
        while (piece.size > 0 && outcome.end == INCOMPLETE)
            step(&body, &outcome, &piece);
        free(copy);
    }
    return outcome;
}

static void check_same(struct outcome other, const struct outcome *whole)
{
    FUZZ_ASSERT(other.end == whole->end && other.status == whole->status);
    FUZZ_ASSERT(other.used == whole->used || other.end == REFUSED);
    FUZZ_ASSERT(other.size == whole->size);
    FUZZ_ASSERT(memcmp(other.content, whole->content, whole->size) == 0);
    free(other.content);
}

static void check_chunked(const struct outcome *whole, struct slice input, bool is_tight)
{
    struct outcome simple = {.content = malloc(input.size + 1)};
    struct reader reader = read_chunked(input, &simple);

    /* A size can be refused before the end of its line. */
    if (!is_tight && !(whole->status == 413 && reader.too_large))
        FUZZ_ASSERT(whole->end == simple.end);
    if (whole->end == DONE) {
        FUZZ_ASSERT(simple.end == DONE && whole->used == simple.used);
        FUZZ_ASSERT(
            !is_tight || (whole->size <= tight.content && reader.overhead <= tight.overhead));
    }
    if (whole->end != REFUSED) {
        FUZZ_ASSERT(whole->size == simple.size);
        FUZZ_ASSERT(memcmp(whole->content, simple.content, simple.size) == 0);
    } else {
        FUZZ_ASSERT(whole->size <= simple.size || is_tight);
        FUZZ_ASSERT(is_tight || whole->status != 431);
    }
    free(simple.content);
}

static void check_length(const struct outcome *whole, struct slice input, uint64_t length)
{
    size_t expected = input.size < length ? input.size : (size_t)length;

    FUZZ_ASSERT(whole->end == (input.size < length ? INCOMPLETE : DONE));
    FUZZ_ASSERT(whole->used == expected && whole->size == expected);
    FUZZ_ASSERT(expected == 0 || memcmp(whole->content, input.data, expected) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = {(const char *)data + 1, size - 1};
    bool chunked = data[0] == 'C' || data[0] == 'T';
    const struct body_limits *limits = data[0] == 'T' ? &tight : &generous;
    struct request request = {.chunked = chunked};
    if (!chunked) {
        request.has_content_length = true;
        request.content_length = data[0];
    }

    struct outcome whole = decode(&request, limits, input, input.size, 1);
    if (chunked)
        check_chunked(&whole, input, limits == &tight);
    else
        check_length(&whole, input, request.content_length);
    check_same(decode(&request, limits, input, 1, 1), &whole);
    check_same(decode(&request, limits, input, 2, 3), &whole);
    /* Splits a short input at every position, a long one at some, for speed. */
    for (size_t at = 0; at <= input.size; at += 1 + input.size / 64)
        check_same(decode(&request, limits, input, at, input.size), &whole);
    free(whole.content);
    return 0;
}
