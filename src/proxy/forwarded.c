#include "proxy/forwarded.h"

#include "http/syntax.h"

/* ---- names ---------------------------------------------------------------------------------- */

const char *const forwarded_field_names[] = {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto",
    "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", NULL};

unsigned forwarded_field_named(struct slice name)
{
    for (unsigned i = 0; forwarded_field_names[i]; i++)
        if (slice_equal_ignore_case(name, slice_of(forwarded_field_names[i])))
            return 1u << i;
    return 0;
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* The size of the quoted-string at the beginning of the text, with its quotes (RFC 9110 §5.6.4); 0
 * if it has no end. */
static size_t quoted_size(struct slice text)
{
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] == '"')
            return i + 1;
        if (text.data[i] == '\\')
            i++;
    }
    return 0;
}

/* The first position of the character outside of quoted-strings; the text's size if there is none.
 * A quoted-string without an end extends to the end of the text. */
static size_t find_unquoted(struct slice text, char c)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == c)
            return i;
        if (text.data[i] != '"')
            continue;
        size_t size = quoted_size(slice_after(text, i));
        if (size == 0)
            return text.size;
        i += size - 1;
    }
    return text.size;
}

/* Splits off the part before the delimiter at `at`, removes the delimiter, and trims the part. */
static struct slice take_part(struct slice *rest, size_t at)
{
    struct slice part = {rest->data, at};

    *rest = slice_after(*rest, at < rest->size ? at + 1 : at);
    return syntax_trim(part);
}

/* The next element that is not empty. Only Forwarded allows quoted-strings. */
static bool next_element(const struct request *request, enum forwarded_field name,
    struct forwarded_cursor *cursor, struct slice *ret_element)
{
    struct request_field field;

    for (;;) {
        while (cursor->rest.size > 0) {
            size_t comma = name == FORWARDED ? find_unquoted(cursor->rest, ',')
                                             : slice_find(cursor->rest, ',');
            *ret_element = take_part(&cursor->rest, comma);
            if (ret_element->size > 0)
                return true;
        }
        do
            if (!request_next_field(request, &cursor->field, &field))
                return false;
        while (forwarded_field_named(field.name) != name);
        cursor->rest = field.value;
    }
}

struct slice forwarded_find(const struct request *request, enum forwarded_field field, size_t after)
{
    /* The first cursor is `after` elements ahead of the second. */
    struct forwarded_cursor ahead = {0}, cursor = {0};
    struct slice found = {0}, other;

    for (size_t seen = 0; next_element(request, field, &ahead, &other); seen++)
        if (seen == 0 || seen > after)
            next_element(request, field, &cursor, &found);
    return found;
}

/* ---- elements ------------------------------------------------------------------------------- */

static bool is_one_of(char c, struct slice set)
{
    return slice_find(set, c) < set.size;
}

/* An obfuscated identifier (RFC 7239 §6.3). */
static bool is_obfuscated(struct slice text)
{
    for (size_t i = 1; i < text.size; i++)
        if (!syntax_is_alphanumeric(text.data[i]) && !is_one_of(text.data[i], SLICE("._-")))
            return false;
    return text.size > 1 && text.data[0] == '_';
}

/* node-port (RFC 7239 §6) may be 0: this was seen with clients behind NAT. */
static bool is_node_port(struct slice text)
{
    uint64_t number;

    return text.size <= 5 && syntax_parse_decimal(text, &number) == 0 && number <= 65535;
}

/* An IPv6 address without brackets. Apache appends the zone of a link-local one (RFC 4007 §11),
 * which has a meaning only on the proxy. */
static bool read_bare_ipv6(struct slice text, struct forwarded_element *element)
{
    size_t percent = slice_find(text, '%');
    struct slice address = {text.data, percent};

    if (!syntax_is_ipv6_address(address) ||
        (percent < text.size && !syntax_is_token(slice_after(text, percent + 1))))
        return false;
    element->address = address;
    return true;
}

/* nodename [ ":" node-port ] (RFC 7239 §6); X-Forwarded-For also allows an IPv6 address without
 * brackets. Returns whether the text is valid. */
static bool read_node(struct slice text, bool is_bare_allowed, struct forwarded_element *element)
{
    if (is_bare_allowed && read_bare_ipv6(text, element))
        return true;
    bool is_bracketed = text.size > 0 && text.data[0] == '[';
    size_t end = slice_find(text, is_bracketed ? ']' : ':');
    struct slice name = {text.data, end}, rest = slice_after(text, end);

    if (is_bracketed) {
        if (rest.size == 0)
            return false;
        name = slice_after(name, 1);
        rest = slice_after(rest, 1);
    }
    if (rest.size > 0) {
        if (rest.data[0] != ':')
            return false;
        rest = slice_after(rest, 1);
        if (!is_node_port(rest) && !is_obfuscated(rest))
            return false;
        if (is_node_port(rest))
            element->port = rest;
    }
    if (is_bracketed ? syntax_is_ipv6_address(name) : syntax_is_ipv4_address(name)) {
        element->address = name;
        return true;
    }
    element->port = (struct slice){0};
    return !is_bracketed &&
        (slice_equal_ignore_case(name, SLICE("unknown")) || is_obfuscated(name));
}

/* token / quoted-string: removes the quotes. Escapes stay: none of the values used here has
 * any. */
static bool unquote(struct slice text, struct slice *ret)
{
    bool is_quoted = text.size > 0 && text.data[0] == '"';

    if (!is_quoted) {
        *ret = text;
        return syntax_is_token(text);
    }
    if (quoted_size(text) != text.size)
        return false;
    *ret = (struct slice){text.data + 1, text.size - 2};
    return true;
}

static bool has_escapes(struct slice text)
{
    return slice_find(text, '\\') < text.size;
}

/* forwarded-pair: token "=" value (RFC 7239 §4). Returns whether it is valid and the first one with
 * its name. */
static bool read_pair(struct slice pair, struct slice *node, struct forwarded_element *element)
{
    size_t equals = slice_find(pair, '=');
    struct slice name = {pair.data, equals}, value, *known = NULL;

    if (equals == pair.size || !syntax_is_token(name) ||
        !unquote(slice_after(pair, equals + 1), &value))
        return false;
    if (slice_equal_ignore_case(name, SLICE("for")))
        known = node;
    else if (slice_equal_ignore_case(name, SLICE("proto")))
        known = &element->scheme;
    else if (slice_equal_ignore_case(name, SLICE("host")))
        known = &element->host;
    if (!known)
        return true;
    if (known->data || has_escapes(value))
        return false;
    *known = value;
    return true;
}

/* forwarded-element: pairs with semicolons between them (RFC 7239 §4). */
static bool read_element(struct slice text, struct forwarded_element *element)
{
    struct slice node = {0};

    while (text.size > 0) {
        struct slice pair = take_part(&text, find_unquoted(text, ';'));
        if (pair.size > 0 && !read_pair(pair, &node, element))
            return false;
    }
    return !node.data || read_node(node, false, element);
}

bool forwarded_next(const struct request *request, enum forwarded_field field,
    struct forwarded_cursor *cursor, struct forwarded_element *ret_element)
{
    struct forwarded_element element = {0};
    struct slice text;

    if (!next_element(request, field, cursor, &text))
        return false;
    if (field == FORWARDED ? !read_element(text, &element) : !read_node(text, true, &element))
        element = (struct forwarded_element){.is_malformed = true};
    *ret_element = element;
    return true;
}

/* ---- values --------------------------------------------------------------------------------- */

bool forwarded_is_scheme(struct slice value)
{
    return slice_equal_ignore_case(value, SLICE("http")) ||
        slice_equal_ignore_case(value, SLICE("https"));
}

bool forwarded_is_host(struct slice value)
{
    struct slice host, port;

    return syntax_split_authority(value, false, &host, &port);
}

bool forwarded_is_port(struct slice value)
{
    return is_node_port(value) && value.data[0] != '0';
}

/* A slash, percent-encoded or not, or an encoded backslash, which browsers treat as a slash (URL
 * Standard §4.4). */
static bool begins_with_slash(struct slice text)
{
    struct slice code = {text.data, text.size < 3 ? 0 : 3};

    return (text.size > 0 && text.data[0] == '/') || slice_equal_ignore_case(code, SLICE("%2F")) ||
        slice_equal_ignore_case(code, SLICE("%5C"));
}

/* Decodes and removes the next character of a valid path. */
static char take_decoded(struct slice *path)
{
    const char *text = path->data;
    bool is_encoded = text[0] == '%';

    *path = slice_after(*path, is_encoded ? 3 : 1);
    if (!is_encoded)
        return text[0];
    return (char)(syntax_hex_value(text[1]) << 4 | syntax_hex_value(text[2]));
}

/* Whether a valid path, decoded, has control characters or dot segments. In a URL, or joined to a
 * directory, a path with dot segments refers to another path (RFC 3986 §5.2.4). A backslash also
 * separates segments. */
static bool has_deceptive_segments(struct slice path)
{
    size_t size = 0, dots = 0; /* of the current segment */

    while (path.size > 0) {
        char c = take_decoded(&path);
        bool is_separator = c == '/' || c == '\\';
        if (!syntax_is_field_value_char(c) || c == '\t')
            return true;
        dots += c == '.';
        size += !is_separator;
        if (!is_separator && path.size > 0)
            continue;
        if (size > 0 && size <= 2 && dots == size)
            return true;
        size = dots = 0;
    }
    return false;
}

bool forwarded_is_prefix(struct slice value)
{
    if (value.size == 0 || value.data[0] != '/' || begins_with_slash(slice_after(value, 1)))
        return false;
    for (size_t i = 0; i < value.size; i++)
        if (!syntax_is_visible(value.data[i]) || is_one_of(value.data[i], SLICE("?#\\")))
            return false;
    return target_path_is_valid(value) && !has_deceptive_segments(value);
}
