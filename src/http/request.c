#include "http/request.h"

#include "http/syntax.h"

#include <errno.h>

static int request_refuse(struct request *request, int status, const char *problem)
{
    request->problem = problem;
    return status;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Whether a request line, perhaps incomplete, begins with a method that is too long (501). Never if
 * the limit of the line is lower: that is 414, or the status would depend on how the bytes are
 * split into packets. */
static bool is_method_too_long(struct slice line, const struct request_limits *limits)
{
    struct slice method = {line.data, REQUEST_METHOD_MAX + 1};

    return line.size >= method.size && limits->line >= REQUEST_METHOD_MAX &&
        syntax_is_token(method);
}

/* Checks the current line against the limit of the request line or of the field section. */
static int check_line_size(struct request *request, const char *data, size_t line_end, size_t crlf,
    const struct request_limits *limits)
{
    struct slice line = {data + request->parser.line, line_end - request->parser.line};

    if (request->parser.section == 0) {
        if (is_method_too_long(line, limits))
            return request_refuse(request, 501, "method too long");
        if (line.size > limits->line)
            return request_refuse(request, 414, "request line too long");
    } else if (line_end + crlf - request->parser.section > limits->section)
        return request_refuse(request, 431, "field section too large");
    return 0;
}

/* Returns the next line, which must end with CRLF (RFC 9112 §2.2). Refuses control characters as
 * soon as they arrive, so that a TLS handshake on a plain port fails at once. */
static int next_head_line(struct request *request, const char *data, size_t size,
    const struct request_limits *limits, struct slice *ret_line)
{
    size_t i = request->parser.scanned;

    while (i < size && syntax_is_field_value_char(data[i]))
        i++;
    request->parser.scanned = i;

    int r = check_line_size(request, data, i, 0, limits);
    if (r != 0)
        return r;
    if (i == size)
        return -EAGAIN;
    if (data[i] == '\n')
        return request_refuse(request, 400, "LF without CR");
    if (data[i] != '\r')
        return request_refuse(request, 400, "control character in the head");
    if (i + 1 == size)
        return -EAGAIN;
    if (data[i + 1] != '\n')
        return request_refuse(request, 400, "CR without LF");

    r = check_line_size(request, data, i, 2, limits);
    if (r != 0)
        return r;
    *ret_line = (struct slice){data + request->parser.line, i - request->parser.line};
    request->parser.line = request->parser.scanned = i + 2;
    return 0;
}

/* ---- request line --------------------------------------------------------------------------- */

static int parse_version(struct request *request, struct slice version)
{
    const char *v = version.data;

    if (version.size != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' ||
        v[6] != '.' || v[7] < '0' || v[7] > '9')
        return request_refuse(request, 400, "malformed HTTP version");
    if (v[5] != '1')
        return request_refuse(request, 505, "HTTP version not supported");
    request->minor = (unsigned)(v[7] - '0');
    return 0;
}

static int set_target(struct request *request)
{
    struct target target = {0};
    const char *problem = target_parse(request->method, request->target, &target);

    if (problem)
        return request_refuse(request, 400, problem);
    request->form = target.form;
    request->scheme = target.scheme;
    request->host = target.authority;
    request->path = target.path;
    request->query = target.query;
    return 0;
}

/* method SP request-target SP HTTP-version, with single spaces (RFC 9112 §3). */
static int parse_request_line(struct request *request, struct slice line)
{
    size_t space = slice_find(line, ' ');
    struct slice method = {line.data, space};

    if (space == line.size || !syntax_is_token(method))
        return request_refuse(request, 400, "malformed request line");
    line = slice_after(line, space + 1);
    space = slice_find(line, ' ');
    if (space == line.size)
        return request_refuse(request, 400, "malformed request line");

    request->method = method;
    request->target = (struct slice){line.data, space};
    int r = parse_version(request, slice_after(line, space + 1));
    if (r != 0)
        return r;
    return set_target(request);
}

/* ---- field lines ---------------------------------------------------------------------------- */

static int take_host(struct request *request, struct slice value)
{
    struct slice host, port;

    if (request->parser.has_host)
        return request_refuse(request, 400, "more than one Host");
    if (!syntax_split_authority(value, true, &host, &port))
        return request_refuse(request, 400, "invalid Host");
    request->parser.has_host = true;
    if (!request->host.data) /* absolute-form overrides Host (RFC 9112 §3.2.2) */
        request->host = value;
    return 0;
}

/* Fields that are not lists: two field lines, joined with a comma, would be a different value (RFC
 * 9110 §5.3). A front server could decide by one of two media types or credentials, and the app by
 * the other. The other singleton fields are harmless: joined, a date or a range is malformed and
 * ignored (RFC 9110 §13.1.3, §14.2), If-Range matches nothing, and Origin is a different one;
 * Referer, From and User-Agent are not reliable anyway. */
static int take_single(struct request *request, bool *seen, const char *problem)
{
    if (*seen)
        return request_refuse(request, 400, problem);
    *seen = true;
    return 0;
}

/* A single number. A list is refused even if its members are equal: RFC 9112 §6.3 allows that, and
 * no well-behaved client sends one. */
static int take_content_length(struct request *request, struct slice value)
{
    if (request->has_content_length)
        return request_refuse(request, 400, "more than one Content-Length");
    int r = syntax_parse_decimal(value, &request->content_length);
    if (r < 0 && r != -EOVERFLOW)
        return request_refuse(request, 400, "malformed Content-Length");
    request->parser.length_overflows = r == -EOVERFLOW;
    request->has_content_length = true;
    return 0;
}

/* Records the codings of one field line; several lines form one list (RFC 9112 §6.1). */
static int take_transfer_encoding(struct request *request, struct slice value)
{
    request->parser.has_transfer_encoding = true;
    for (;;) {
        size_t comma = slice_find(value, ',');
        struct slice coding = syntax_trim((struct slice){value.data, comma});

        /* A quoted comma in a parameter splits it here, but then both halves are refused. */
        request->parser.repeated_coding |= request->parser.final_chunked;
        request->parser.final_chunked = slice_equal_ignore_case(coding, SLICE("chunked"));
        request->parser.other_coding |= !request->parser.final_chunked;
        if (comma == value.size)
            return 0;
        value = slice_after(value, comma + 1);
    }
}

/* A list (RFC 9110 §10.1.1) with one known expectation; empty members are ignored (§5.6.1.2). */
static int take_expect(struct request *request, struct slice value)
{
    for (;;) {
        size_t comma = slice_find(value, ',');
        struct slice member = syntax_trim((struct slice){value.data, comma});

        if (slice_equal_ignore_case(member, SLICE("100-continue")))
            request->parser.expects = true;
        else if (member.size > 0)
            return request_refuse(request, 417, "unknown expectation");
        if (comma == value.size)
            return 0;
        value = slice_after(value, comma + 1);
    }
}

/* Handles the fields that decide framing and routing, and those that two readers could interpret
 * differently. All others are for the app alone. */
static int take_field(struct request *request, struct slice name, struct slice value)
{
    switch (name.size) {
    case 4:
        if (slice_equal_ignore_case(name, SLICE("Host")))
            return take_host(request, value);
        break;
    case 6:
        if (slice_equal_ignore_case(name, SLICE("Expect")))
            return take_expect(request, value);
        break;
    case 12:
        if (slice_equal_ignore_case(name, SLICE("Content-Type")))
            return take_single(
                request, &request->parser.has_content_type, "more than one Content-Type");
        break;
    case 13:
        if (slice_equal_ignore_case(name, SLICE("Authorization")))
            return take_single(
                request, &request->parser.has_authorization, "more than one Authorization");
        break;
    case 14:
        if (slice_equal_ignore_case(name, SLICE("Content-Length")))
            return take_content_length(request, value);
        break;
    case 17:
        if (slice_equal_ignore_case(name, SLICE("Transfer-Encoding")))
            return take_transfer_encoding(request, value);
        break;
    }
    return 0;
}

/* field-name ":" OWS field-value OWS (RFC 9112 §5). White space before the colon and line folding
 * are refused (§5.1, §5.2). next_head_line has refused control characters. */
static int parse_field_line(
    struct request *request, struct slice line, const struct request_limits *limits)
{
    if (++request->parser.fields > limits->fields)
        return request_refuse(request, 431, "too many field lines");
    if (syntax_is_blank(line.data[0]))
        return request_refuse(request, 400, "field line begins with white space");

    size_t colon = slice_find(line, ':');
    struct slice name = {line.data, colon};
    if (colon == line.size)
        return request_refuse(request, 400, "field line without a colon");
    if (!syntax_is_token(name))
        return request_refuse(request, 400, "bad field name");
    return take_field(request, name, syntax_trim(slice_after(line, colon + 1)));
}

bool request_next_field(const struct request *request, size_t *cursor, struct request_field *ret)
{
    struct slice rest = slice_after(request->fields, *cursor);
    if (rest.size == 0)
        return false;

    struct slice line = {rest.data, slice_find(rest, '\r')};
    size_t colon = slice_find(line, ':');
    *ret = (struct request_field){
        .name = {line.data, colon},
        .value = syntax_trim(slice_after(line, colon + 1)),
    };
    *cursor += line.size + 2;
    return true;
}

/* ---- the head as a whole -------------------------------------------------------------------- */

/* The length of the content (RFC 9112 §6.1 and §6.3). */
static int decide_framing(struct request *request, const struct request_limits *limits)
{
    if (request->parser.has_transfer_encoding) {
        if (request->minor == 0)
            return request_refuse(request, 400, "Transfer-Encoding in HTTP/1.0");
        if (request->has_content_length)
            return request_refuse(request, 400, "Content-Length together with Transfer-Encoding");
        if (!request->parser.final_chunked || request->parser.repeated_coding)
            return request_refuse(request, 400, "Transfer-Encoding is not a final chunked");
        if (request->parser.other_coding)
            return request_refuse(request, 501, "unknown transfer coding");
        request->chunked = true;
    }
    if (request->parser.length_overflows ||
        (request->has_content_length && request->content_length > limits->content))
        return request_refuse(request, 413, "Content-Length is over the limit");
    return 0;
}

static int finish_head(
    struct request *request, const char *data, const struct request_limits *limits)
{
    size_t section = request->parser.section;
    request->fields = (struct slice){data + section, request->parser.line - 2 - section};

    if (request->minor >= 1 && !request->parser.has_host)
        return request_refuse(request, 400, "no Host in an HTTP/1.1 request");
    int r = decide_framing(request, limits);
    if (r != 0)
        return r;
    /* RFC 9110 §10.1.1: ignored in HTTP/1.0, and pointless without content. */
    request->expects_continue =
        request->parser.expects && request->minor >= 1 && request_has_content(request);
    return 0;
}

struct slice request_find_field(const struct request *request, struct slice name)
{
    struct slice value = {0};
    struct request_field field;

    for (size_t cursor = 0; request_next_field(request, &cursor, &field);) {
        if (!slice_equal_ignore_case(field.name, name))
            continue;
        if (value.data)
            return (struct slice){0};
        value = field.value;
    }
    return value;
}

bool request_has_content(const struct request *request)
{
    return request->chunked || (request->has_content_length && request->content_length > 0);
}

int request_parse(struct request *request, const char *data, size_t size,
    const struct request_limits *limits, size_t *ret_size)
{
    for (;;) {
        struct slice line;
        int r = next_head_line(request, data, size, limits, &line);
        if (r != 0)
            return r;

        if (request->parser.section > 0) {
            if (line.size == 0)
                break;
            r = parse_field_line(request, line, limits);
        } else if (line.size == 0 && !request->parser.empty_line) {
            request->parser.empty_line = true; /* RFC 9112 §2.2 */
        } else {
            r = parse_request_line(request, line);
            request->parser.section = request->parser.line;
        }
        if (r != 0)
            return r;
    }

    int r = finish_head(request, data, limits);
    if (r != 0)
        return r;
    *ret_size = request->parser.line;
    return 0;
}
