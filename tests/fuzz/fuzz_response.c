/* Fuzzes the app's part of the head of a response. The input, split at "|": two characters of the
 * request ("G", or "H" for HEAD; the minor version), the status, then fields as "name:value".
 *
 * The head is assembled as the server does it, and then checked. */

#include "http/response.h"

#include "fuzz.h"

#include <inttypes.h>

struct head {
    char *data;
    size_t size;
};

static void put(struct head *head, struct slice text)
{
    if (text.size > 0)
        memcpy(head->data + head->size, text.data, text.size);
    head->size += text.size;
}

/* Removes and returns the text before the byte, and removes the byte. */
static struct slice cut(struct slice *rest, char byte)
{
    size_t size = slice_find(*rest, byte);
    struct slice text = {rest->data, size};

    *rest = slice_after(*rest, size < rest->size ? size + 1 : size);
    return text;
}

static time_t some_time(const uint8_t *data, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * UINT64_C(1099511628211);
    return (time_t)(hash % UINT64_C(253402300800)); /* up to the year 9999 */
}

/* ---- status and fields of the app ------------------------------------------------------------ */

static void check_status(struct slice status, bool accepted)
{
    bool expected = status.size >= 4 && status.data[3] == ' ' && fuzz_is_field_value(status);

    for (size_t i = 0; i < 3 && expected; i++)
        expected = status.data[i] >= (i == 0 ? '2' : '0') && status.data[i] <= '9';
    FUZZ_ASSERT(accepted == expected);
}

static bool is_hop_by_hop(struct slice name)
{
    static const char *const names[] = {"Connection", "Keep-Alive", "Proxy-Authenticate",
        "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Trailers", "Transfer-Encoding",
        "Upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (fuzz_is_named(name, names[i]))
            return true;
    return false;
}

/* Checks the decision on a field, except for the value of a Content-Length. */
static void check_field(struct slice name, struct slice value, bool accepted)
{
    bool expected = fuzz_is_token(name) && fuzz_is_field_value(value) && !is_hop_by_hop(name);

    if (fuzz_is_named(name, "Content-Length"))
        FUZZ_ASSERT(!accepted || expected);
    else
        FUZZ_ASSERT(accepted == expected);
}

static void add_field(struct response *response, struct slice field, struct head *head)
{
    struct slice name = cut(&field, ':'), value = field;
    struct response before = *response;
    bool drop = true;
    bool accepted = !response_add_field(response, name, value, &drop);

    check_field(name, value, accepted);
    FUZZ_ASSERT(response->status == before.status && response->is_head == before.is_head);
    if (!accepted)
        return;
    if (fuzz_is_named(name, "Content-Length")) {
        FUZZ_ASSERT(!before.has_content_length && response->has_content_length);
        FUZZ_ASSERT(drop == (response->status == 204 || response->status == 205));
    } else
        FUZZ_ASSERT(!drop);
    if (drop)
        return;
    put(head, name);
    put(head, SLICE(": "));
    put(head, value);
    put(head, SLICE("\r\n"));
}

/* ---- the response ---------------------------------------------------------------------------- */

struct count {
    unsigned lines, dates, servers, connections, lengths, codings;
    struct slice date, length, connection, coding;
};

static struct slice value_of(struct slice line)
{
    struct slice value = slice_after(line, slice_find(line, ':') + 1);

    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = slice_after(value, 1);
    while (
        value.size > 0 && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    return value;
}

static void count_field(struct count *count, struct slice line)
{
    struct slice name = {line.data, slice_find(line, ':')}, value = value_of(line);

    FUZZ_ASSERT(name.size < line.size && fuzz_is_token(name) && fuzz_is_field_value(value));
    count->lines++;
    if (fuzz_is_named(name, "Date")) {
        count->dates++;
        count->date = value;
    } else if (fuzz_is_named(name, "Server"))
        count->servers++;
    else if (fuzz_is_named(name, "Connection")) {
        count->connections++;
        count->connection = value;
    } else if (fuzz_is_named(name, "Content-Length")) {
        count->lengths++;
        count->length = value;
    } else if (fuzz_is_named(name, "Transfer-Encoding")) {
        count->codings++;
        count->coding = value;
    }
}

/* Reads a head as a client does. It must have one empty line, at its end. */
static struct count read_head(struct slice head)
{
    struct count count = {0};

    for (unsigned line_number = 0;; line_number++) {
        const char *end = memmem(head.data, head.size, "\r\n", 2);
        FUZZ_ASSERT(end);
        struct slice line = {head.data, (size_t)(end - head.data)};
        head = slice_after(head, line.size + 2);
        FUZZ_ASSERT(fuzz_is_field_value(line));
        if (line.size == 0)
            break;
        if (line_number > 0)
            count_field(&count, line);
    }
    FUZZ_ASSERT(head.size == 0);
    return count;
}

static void check_number(struct slice text, uint64_t expected)
{
    uint64_t number = 0;

    FUZZ_ASSERT(text.size > 0);
    for (size_t i = 0; i < text.size; i++) {
        FUZZ_ASSERT(text.data[i] >= '0' && text.data[i] <= '9');
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    FUZZ_ASSERT(number == expected);
}

static void check_date(struct slice date, time_t now)
{
    char expected[64];
    struct tm tm;

    FUZZ_ASSERT(gmtime_r(&now, &tm));
    size_t size = strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    FUZZ_ASSERT(slice_equal(date, (struct slice){expected, size}));
}

/* RFC 9112 §6.3 */
static enum response_framing expect_framing(const struct response *response)
{
    if (response->is_head || response->status == 204 || response->status == 205 ||
        response->status == 304)
        return RESPONSE_NO_CONTENT;
    if (response->has_content_length)
        return RESPONSE_LENGTH;
    return response->to_http10 ? RESPONSE_CLOSE : RESPONSE_CHUNKED;
}

static void check_head(
    const struct response *response, struct slice head, unsigned added, bool own_length, time_t now)
{
    struct count count = read_head(head);

    FUZZ_ASSERT(response->framing == expect_framing(response));
    FUZZ_ASSERT(count.connections == 1 && slice_equal(count.connection, SLICE("close")));
    FUZZ_ASSERT(count.dates >= 1 && count.servers >= 1);
    if (!response->has_date) {
        FUZZ_ASSERT(count.dates == 1);
        check_date(count.date, now);
    }
    FUZZ_ASSERT(response->has_server || count.servers == 1);
    FUZZ_ASSERT(count.codings == (response->framing == RESPONSE_CHUNKED));
    FUZZ_ASSERT(count.codings == 0 || slice_equal(count.coding, SLICE("chunked")));
    FUZZ_ASSERT(count.codings + count.lengths <= 1);
    FUZZ_ASSERT(count.lengths ==
        (response->has_content_length && response->status != 204 && response->status != 205));
    if (count.lengths > 0)
        check_number(count.length, response->content_length);
    FUZZ_ASSERT(count.lines ==
        added + !response->has_date + !response->has_server + 1 + count.codings + own_length);
}

static void run_head(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice rest = {copy, size}, first = cut(&rest, '|'), status = cut(&rest, '|');
    struct request request = {.method = SLICE("GET")};
    struct head head = {.data = malloc(4 * size + 100 + RESPONSE_TAIL_SIZE)};
    struct response response;
    unsigned added = 0;

    if (first.size > 0 && first.data[0] == 'H')
        request.method = SLICE("HEAD");
    if (first.size > 1)
        request.minor = (unsigned char)first.data[1] % 10;
    response_init(&response, &request);
    bool accepted = !response_set_status(&response, status);
    check_status(status, accepted);
    if (accepted) {
        put(&head, SLICE("HTTP/1.1 "));
        put(&head, status);
        put(&head, SLICE("\r\n"));
        while (rest.size > 0) {
            size_t before = head.size;
            add_field(&response, cut(&rest, '|'), &head);
            added += head.size > before;
        }
        /* The length of some answers is known only later. */
        bool own_length =
            size % 2 == 0 && !response.has_content_length && response_allows_content(&response);
        if (own_length)
            response_set_content_length(&response, size);
        response_decide_framing(&response);
        char *tail = malloc(RESPONSE_TAIL_SIZE);
        time_t now = some_time(data, size);
        put(&head, (struct slice){tail, response_write_tail(&response, own_length, now, tail)});
        free(tail);
        check_head(&response, (struct slice){head.data, head.size}, added, own_length, now);
    }
    free(head.data);
    free(copy);
}

/* ---- the server's own answers, and chunks ---------------------------------------------------- */

static void check_plain(unsigned status, const char *detail, bool is_head, time_t now)
{
    char *buffer = malloc(RESPONSE_PLAIN_SIZE);
    size_t size = response_write_plain(status, detail, is_head, now, buffer);
    FUZZ_ASSERT(size <= RESPONSE_PLAIN_SIZE);
    const char *end = memmem(buffer, size, "\r\n\r\n", 4);
    FUZZ_ASSERT(end);
    size_t head_size = (size_t)(end + 4 - buffer);
    struct count count = read_head((struct slice){buffer, head_size});
    char status_text[16];
    int n = snprintf(status_text, sizeof(status_text), "HTTP/1.1 %03u ", status);

    FUZZ_ASSERT(memcmp(buffer, status_text, (size_t)n) == 0);
    FUZZ_ASSERT(count.dates == 1 && count.servers == 1 && count.connections == 1);
    FUZZ_ASSERT(count.lengths == 1 && count.codings == 0);
    check_date(count.date, now);
    if (is_head)
        FUZZ_ASSERT(size == head_size);
    else
        check_number(count.length, size - head_size);
    free(buffer);
}

static void check_chunk_head(uint64_t number)
{
    char *buffer = malloc(RESPONSE_CHUNK_HEAD_SIZE), expected[32];
    int size = snprintf(expected, sizeof(expected), "%" PRIx64 "\r\n", number);

    FUZZ_ASSERT(response_write_chunk_head(number, buffer) == (size_t)size);
    FUZZ_ASSERT(memcmp(buffer, expected, (size_t)size) == 0);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t number = 1;

    run_head(data, size);

    char *detail = malloc(size + 1);
    if (size > 0)
        memcpy(detail, data, size);
    detail[size] = '\0';
    time_t now = some_time(data, size);
    unsigned status = 200 + (unsigned)((uint64_t)now % 400);
    check_plain(status, detail, false, now);
    check_plain(status, detail, true, now);
    check_plain(status, NULL, false, now);
    free(detail);

    if (size >= sizeof(number))
        memcpy(&number, data, sizeof(number));
    if (number > 0)
        check_chunk_head(number);
    return 0;
}
