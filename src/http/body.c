#include "http/body.h"

#include "http/syntax.h"

void body_init(struct body *body, const struct request *request, const struct body_limits *limits)
{
    *body = (struct body){.state = BODY_DONE, .limits = *limits};
    if (request->chunked)
        body->state = BODY_SIZE_FIRST;
    else if (request->has_content_length && request->content_length > 0) {
        body->state = BODY_LENGTH;
        body->remaining = request->content_length;
    }
}

bool body_is_done(const struct body *body)
{
    return body->state == BODY_DONE;
}

static int body_refuse(struct body *body, int status, const char *problem)
{
    body->problem = problem;
    return status;
}

static int move_to(struct body *body, enum body_state state)
{
    body->state = state;
    return 0;
}

static int take_overhead(struct body *body)
{
    if (body->overhead == body->limits.overhead)
        return body_refuse(body, 431, "chunk extensions and trailer section too large");
    body->overhead++;
    return 0;
}

/* chunk-size = 1*HEXDIG. More than 64 bits are over the limit. Leading zeros count as overhead, or
 * they could continue for ever. */
static int take_size_digit(struct body *body, int digit)
{
    if (digit < 0)
        return body_refuse(body, 400, "bad chunk size");
    if (body->state == BODY_SIZE && body->remaining == 0) {
        int r = take_overhead(body);
        if (r != 0)
            return r;
    }
    if (body->remaining > UINT64_MAX >> 4)
        return body_refuse(body, 413, "chunk size is over the limit");
    body->remaining = body->remaining << 4 | (unsigned)digit;
    return move_to(body, BODY_SIZE);
}

/* After a chunk-size line: chunk data follows, or after the last chunk the trailer section. */
static int begin_chunk(struct body *body)
{
    if (body->remaining > body->limits.content - body->content)
        return body_refuse(body, 413, "chunked content is over the limit");
    body->content += body->remaining;
    return move_to(body, body->remaining > 0 ? BODY_DATA : BODY_TRAILER_FIRST);
}

/* chunk-size [ chunk-ext ] CRLF, after the first digit (RFC 9112 §7.1). */
static int take_size(struct body *body, char byte)
{
    if (byte == '\r')
        return move_to(body, BODY_SIZE_LF);
    if (byte == ';')
        return move_to(body, BODY_EXTENSION_NAME_FIRST);
    if (syntax_is_blank(byte))
        return move_to(body, BODY_EXTENSION_BLANK);
    return take_size_digit(body, syntax_hex_value(byte));
}

/* After one extension: another one, BWS before it, or the end of the line. */
static int take_extension_end(struct body *body, char byte)
{
    if (byte == ';')
        return move_to(body, BODY_EXTENSION_NAME_FIRST);
    if (byte == '\r')
        return move_to(body, BODY_SIZE_LF);
    if (syntax_is_blank(byte))
        return move_to(body, BODY_EXTENSION_BLANK);
    return body_refuse(body, 400, "bad chunk extension");
}

/* *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ) (RFC 9112 §7.1.1). This server
 * ignores extensions, but still requires them to match the grammar. */
static int take_extension(struct body *body, char byte)
{
    switch (body->state) {
    case BODY_EXTENSION_BLANK:
        if (syntax_is_blank(byte))
            return 0;
        if (byte == ';')
            return move_to(body, BODY_EXTENSION_NAME_FIRST);
        break;
    case BODY_EXTENSION_NAME_FIRST:
        if (syntax_is_blank(byte))
            return 0;
        if (syntax_is_tchar(byte))
            return move_to(body, BODY_EXTENSION_NAME);
        break;
    case BODY_EXTENSION_NAME:
        if (syntax_is_tchar(byte))
            return 0;
        if (byte == '=')
            return move_to(body, BODY_EXTENSION_VALUE_FIRST);
        if (syntax_is_blank(byte))
            return move_to(body, BODY_EXTENSION_NAME_BLANK);
        return take_extension_end(body, byte);
    case BODY_EXTENSION_NAME_BLANK:
        if (syntax_is_blank(byte))
            return 0;
        if (byte == '=')
            return move_to(body, BODY_EXTENSION_VALUE_FIRST);
        if (byte == ';')
            return move_to(body, BODY_EXTENSION_NAME_FIRST);
        break;
    case BODY_EXTENSION_VALUE_FIRST:
        if (syntax_is_blank(byte))
            return 0;
        if (byte == '"')
            return move_to(body, BODY_EXTENSION_QUOTED);
        if (syntax_is_tchar(byte))
            return move_to(body, BODY_EXTENSION_TOKEN);
        break;
    case BODY_EXTENSION_TOKEN: return syntax_is_tchar(byte) ? 0 : take_extension_end(body, byte);
    case BODY_EXTENSION_QUOTED:
        if (byte == '"')
            return move_to(body, BODY_EXTENSION_QUOTED_END);
        if (byte == '\\')
            return move_to(body, BODY_EXTENSION_ESCAPE);
        if (syntax_is_field_value_char(byte))
            return 0;
        break;
    case BODY_EXTENSION_ESCAPE:
        if (syntax_is_field_value_char(byte))
            return move_to(body, BODY_EXTENSION_QUOTED);
        break;
    default: return take_extension_end(body, byte); /* BODY_EXTENSION_QUOTED_END */
    }
    return body_refuse(body, 400, "bad chunk extension");
}

/* *( field-line CRLF ) CRLF (RFC 9112 §7.1.2): checked like the field lines of the head, then
 * discarded, which RFC 9110 §6.5.1 allows; WSGI has no place for trailer fields. */
static int take_trailer(struct body *body, char byte)
{
    switch (body->state) {
    case BODY_TRAILER_FIRST:
        if (byte == '\r')
            return move_to(body, BODY_LAST_LF);
        if (syntax_is_tchar(byte))
            return move_to(body, BODY_TRAILER_NAME);
        break;
    case BODY_TRAILER_NAME:
        if (syntax_is_tchar(byte))
            return 0;
        if (byte == ':')
            return move_to(body, BODY_TRAILER_VALUE);
        break;
    case BODY_TRAILER_VALUE:
        if (byte == '\r')
            return move_to(body, BODY_TRAILER_LF);
        if (syntax_is_field_value_char(byte))
            return 0;
        break;
    case BODY_TRAILER_LF:
        if (byte == '\n')
            return move_to(body, BODY_TRAILER_FIRST);
        break;
    default: /* BODY_LAST_LF */
        if (byte == '\n')
            return move_to(body, BODY_DONE);
        break;
    }
    return body_refuse(body, 400, "bad trailer section");
}

/* Consumes one byte of framing. */
static int take_byte(struct body *body, char byte)
{
    int r;

    switch (body->state) {
    case BODY_SIZE_FIRST: return take_size_digit(body, syntax_hex_value(byte));
    case BODY_SIZE: return take_size(body, byte);
    case BODY_SIZE_LF:
        return byte == '\n' ? begin_chunk(body) : body_refuse(body, 400, "CR without LF");
    case BODY_DATA_CR:
        return byte == '\r' ? move_to(body, BODY_DATA_LF)
                            : body_refuse(body, 400, "chunk is longer than its size");
    case BODY_DATA_LF:
        return byte == '\n' ? move_to(body, BODY_SIZE_FIRST)
                            : body_refuse(body, 400, "CR without LF");
    case BODY_TRAILER_FIRST:
    case BODY_TRAILER_NAME:
    case BODY_TRAILER_VALUE:
    case BODY_TRAILER_LF:
    case BODY_LAST_LF: r = take_overhead(body); return r != 0 ? r : take_trailer(body, byte);
    default: r = take_overhead(body); return r != 0 ? r : take_extension(body, byte);
    }
}

static struct slice take_content(struct body *body, const char *data, size_t size)
{
    struct slice content = {data, body->remaining < size ? (size_t)body->remaining : size};

    body->remaining -= content.size;
    if (body->remaining == 0)
        body->state = body->state == BODY_LENGTH ? BODY_DONE : BODY_DATA_CR;
    return content;
}

int body_decode(
    struct body *body, const char *data, size_t size, size_t *ret_used, struct slice *ret_content)
{
    size_t used = 0;
    struct slice content = {0};

    while (used < size && !body_is_done(body) && content.size == 0) {
        if (body->state == BODY_LENGTH || body->state == BODY_DATA) {
            content = take_content(body, data + used, size - used);
            used += content.size;
            continue;
        }
        int r = take_byte(body, data[used++]);
        if (r != 0)
            return r;
    }
    *ret_used = used;
    *ret_content = content;
    return 0;
}
