#include "http/response.h"

#include "base/writer.h"
#include "http/syntax.h"

/* ---- fields of the server ------------------------------------------------------------------- */

/* IMF-fixdate (RFC 9110 §5.6.7). Not by strftime(3), which depends on the locale, and gmtime(3),
 * which may lock: a signal handler must not. The calculation counts eras of 400 years that begin in
 * March. */
static void put_date(struct writer *writer, time_t now)
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t seconds = now > 0 ? (uint64_t)now : 0, days = seconds / 86400;
    uint64_t shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t march_month = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
    uint64_t month = march_month < 10 ? march_month + 2 : march_month - 10; /* 0 is January */
    uint64_t year = year_of_era + era * 400 + (month < 2 ? 1 : 0);

    writer_put(writer, (struct slice){weekdays + 3 * (days % 7), 3});
    writer_put(writer, SLICE(", "));
    writer_put_number(writer, day, 10, 2);
    writer_put(writer, SLICE(" "));
    writer_put(writer, (struct slice){months + 3 * month, 3});
    writer_put(writer, SLICE(" "));
    writer_put_number(writer, year, 10, 4);
    writer_put(writer, SLICE(" "));
    writer_put_number(writer, seconds / 3600 % 24, 10, 2);
    writer_put(writer, SLICE(":"));
    writer_put_number(writer, seconds / 60 % 60, 10, 2);
    writer_put(writer, SLICE(":"));
    writer_put_number(writer, seconds % 60, 10, 2);
    writer_put(writer, SLICE(" GMT"));
}

static void put_date_field(struct writer *writer, time_t now)
{
    writer_put(writer, SLICE("Date: "));
    put_date(writer, now);
    writer_put(writer, SLICE("\r\n"));
}

static void put_content_length(struct writer *writer, uint64_t length)
{
    writer_put(writer, SLICE("Content-Length: "));
    writer_put_number(writer, length, 10, 1);
    writer_put(writer, SLICE("\r\n"));
}

/* ---- status and fields of the app ----------------------------------------------------------- */

void response_init(struct response *response, const struct request *request)
{
    *response = (struct response){
        .is_head = slice_equal(request->method, SLICE("HEAD")),
        .to_http10 = request->minor == 0,
    };
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool has_control_character(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!syntax_is_field_value_char(text.data[i]))
            return true;
    return false;
}

const char *response_set_status(struct response *response, struct slice status)
{
    const char *s = status.data;

    if (status.size < 4 || !is_digit(s[0]) || !is_digit(s[1]) || !is_digit(s[2]) || s[3] != ' ')
        return "status must be three digits, a space and a reason phrase, as in \"200 OK\"";
    if (s[0] == '0')
        return "status must be at least 200";
    if (s[0] == '1')
        return "a 1xx status is not a final response";
    if (has_control_character(status))
        return "status contains a control character";
    *response = (struct response){
        .is_head = response->is_head,
        .to_http10 = response->to_http10,
        .status =
            (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0'),
    };
    return NULL;
}

static bool is_hop_by_hop(struct slice name)
{
    static const struct slice names[] = {
        {"connection", 10},
        {"keep-alive", 10},
        {"proxy-authenticate", 18},
        {"proxy-authorization", 19},
        {"proxy-connection", 16},
        {"te", 2},
        {"trailer", 7},
        {"trailers", 8},
        {"transfer-encoding", 17},
        {"upgrade", 7},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_ignore_case(name, names[i]))
            return true;
    return false;
}

static const char *add_content_length(struct response *response, struct slice value)
{
    if (response->has_content_length)
        return "more than one Content-Length";
    if (syntax_parse_decimal(syntax_trim(value), &response->content_length) < 0)
        return "Content-Length is not a number";
    response->has_content_length = true;
    return NULL;
}

const char *response_add_field(
    struct response *response, struct slice name, struct slice value, bool *ret_drop)
{
    *ret_drop = false;
    if (!syntax_is_token(name))
        return "field name is empty or contains a character that is not allowed";
    if (has_control_character(value))
        return "field value contains a control character";
    if (is_hop_by_hop(name))
        return "hop-by-hop fields are reserved for the server";
    if (slice_equal_ignore_case(name, SLICE("Content-Length"))) {
        *ret_drop = response->status == 204 || response->status == 205;
        return add_content_length(response, value);
    }
    response->has_date |= slice_equal_ignore_case(name, SLICE("Date"));
    response->has_server |= slice_equal_ignore_case(name, SLICE("Server"));
    return NULL;
}

void response_set_content_length(struct response *response, uint64_t content_length)
{
    response->has_content_length = true;
    response->content_length = content_length;
}

/* ---- framing -------------------------------------------------------------------------------- */

bool response_allows_content(const struct response *response)
{
    return !response->is_head && response->status != 204 && response->status != 205 &&
        response->status != 304;
}

void response_decide_framing(struct response *response)
{
    if (!response_allows_content(response))
        response->framing = RESPONSE_NO_CONTENT;
    else if (response->has_content_length)
        response->framing = RESPONSE_LENGTH;
    else if (response->to_http10)
        response->framing = RESPONSE_CLOSE;
    else
        response->framing = RESPONSE_CHUNKED;
}

size_t response_write_tail(
    const struct response *response, bool own_length, time_t now, char buffer[RESPONSE_TAIL_SIZE])
{
    struct writer writer = {.data = buffer, .capacity = RESPONSE_TAIL_SIZE};

    if (own_length && response->has_content_length)
        put_content_length(&writer, response->content_length);
    if (response->framing == RESPONSE_CHUNKED)
        writer_put(&writer, SLICE("Transfer-Encoding: chunked\r\n"));
    if (!response->has_date)
        put_date_field(&writer, now);
    if (!response->has_server)
        writer_put(&writer, SLICE("Server: wsgi-once\r\n"));
    writer_put(&writer, SLICE("Connection: close\r\n\r\n"));
    return writer.size;
}

size_t response_write_chunk_head(uint64_t size, char buffer[RESPONSE_CHUNK_HEAD_SIZE])
{
    struct writer writer = {.data = buffer, .capacity = RESPONSE_CHUNK_HEAD_SIZE};

    writer_put_number(&writer, size, 16, 1);
    writer_put(&writer, SLICE("\r\n"));
    return writer.size;
}

/* ---- responses of the server itself --------------------------------------------------------- */

static const char *reason_phrase(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

static void put_plain_text(struct writer *writer, unsigned status, const char *detail)
{
    writer_put_number(writer, status, 10, 3);
    writer_put(writer, SLICE(" "));
    writer_put(writer, slice_of(reason_phrase(status)));
    if (detail) {
        writer_put(writer, SLICE(": "));
        writer_put(writer, slice_of(detail));
    }
    writer_put(writer, SLICE("\n"));
}

size_t response_write_plain(
    unsigned status, const char *detail, bool is_head, time_t now, char buffer[RESPONSE_PLAIN_SIZE])
{
    struct writer writer = {.data = buffer, .capacity = RESPONSE_PLAIN_SIZE};
    char text[RESPONSE_PLAIN_SIZE / 2];
    struct writer text_writer = {.data = text, .capacity = sizeof(text)};

    put_plain_text(&text_writer, status, detail);
    writer_put(&writer, SLICE("HTTP/1.1 "));
    writer_put_number(&writer, status, 10, 3);
    writer_put(&writer, SLICE(" "));
    writer_put(&writer, slice_of(reason_phrase(status)));
    writer_put(&writer, SLICE("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    put_content_length(&writer, text_writer.size);
    put_date_field(&writer, now);
    writer_put(&writer, SLICE("Server: wsgi-once\r\nConnection: close\r\n\r\n"));
    if (!is_head)
        writer_put(&writer, (struct slice){text, text_writer.size});
    return writer.size;
}
