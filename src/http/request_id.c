#include "http/request_id.h"

#include "http/syntax.h"

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_id_char(char c)
{
    return syntax_is_alphanumeric(c) || (c != '\0' && strchr("._~+/=:@-", c));
}

bool request_id_is_valid(struct slice id)
{
    if (id.size == 0 || id.size > REQUEST_ID_SIZE - 1)
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (!is_id_char(id.data[i]))
            return false;
    return true;
}

/* ---- W3C Trace Context ---------------------------------------------------------------------- */

static bool is_all(struct slice text, char c)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != c)
            return false;
    return true;
}

/* Removes `digits` hexadecimal digits, and the "-" after them unless is_last. */
static bool take_hex(struct slice *rest, size_t digits, bool is_last, struct slice *ret)
{
    if (rest->size < digits + (is_last ? 0 : 1))
        return false;
    for (size_t i = 0; i < digits; i++)
        if (!is_lower_hex(rest->data[i]))
            return false;
    if (!is_last && rest->data[digits] != '-')
        return false;
    *ret = (struct slice){rest->data, digits};
    *rest = slice_after(*rest, digits + (is_last ? 0 : 1));
    return true;
}

struct slice request_id_of_traceparent(struct slice value)
{
    const struct slice absent = {0};
    struct slice version, trace_id, parent_id, flags, rest = value;

    if (!take_hex(&rest, 2, false, &version) || !take_hex(&rest, 32, false, &trace_id) ||
        !take_hex(&rest, 16, false, &parent_id) || !take_hex(&rest, 2, true, &flags))
        return absent;
    if (slice_equal(version, SLICE("ff")) || is_all(trace_id, '0') || is_all(parent_id, '0'))
        return absent;
    /* Later versions may append fields (§4.1). */
    if (rest.size > 0 && (slice_equal(version, SLICE("00")) || rest.data[0] != '-'))
        return absent;
    return trace_id;
}

/* ---- requests ------------------------------------------------------------------------------- */

struct slice request_id_find(const struct request *request)
{
    struct slice id = request_find_field(request, SLICE("X-Request-ID"));

    if (request_id_is_valid(id))
        return id;
    return request_id_of_traceparent(request_find_field(request, SLICE("traceparent")));
}

void request_id_write(
    const unsigned char random[REQUEST_ID_RANDOM_SIZE], char buffer[REQUEST_ID_SIZE])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < REQUEST_ID_RANDOM_SIZE; i++) {
        buffer[2 * i] = hex[random[i] >> 4];
        buffer[2 * i + 1] = hex[random[i] & 15];
    }
    buffer[2 * (size_t)REQUEST_ID_RANDOM_SIZE] = '\0';
}
