#include "http/target.h"

#include "http/syntax.h"

/* ---- the path ------------------------------------------------------------------------------- */

bool target_path_is_valid(struct slice path)
{
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] != '%')
            continue;
        if (path.size - i < 3)
            return false;
        int high = syntax_hex_value(path.data[i + 1]), low = syntax_hex_value(path.data[i + 2]);
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return false;
        i += 2;
    }
    return true;
}

size_t target_decode_path(struct slice path, char *buffer)
{
    size_t size = 0;

    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] != '%') {
            buffer[size++] = path.data[i];
            continue;
        }
        int high = syntax_hex_value(path.data[i + 1]), low = syntax_hex_value(path.data[i + 2]);
        buffer[size++] = (char)(high << 4 | low);
        i += 2;
    }
    return size;
}

static const char *parse_path_and_query(struct slice text, struct target *target)
{
    size_t mark = slice_find(text, '?');

    target->path = (struct slice){text.data, mark};
    if (mark < text.size)
        target->query = slice_after(text, mark + 1);
    return target_path_is_valid(target->path) ? NULL : "bad percent-encoding in the path";
}

/* ---- the forms ------------------------------------------------------------------------------ */

/* CONNECT requests a tunnel to host:port (RFC 9112 §3.2.3). */
static const char *parse_authority_form(struct slice text, struct target *target)
{
    struct slice host, port;

    target->form = REQUEST_AUTHORITY;
    target->authority = text;
    if (!syntax_split_authority(text, false, &host, &port) || port.size == 0)
        return "malformed authority-form target";
    return NULL;
}

/* Removes "http://" or "https://". */
static bool take_scheme(struct slice *text, struct target *target)
{
    size_t colon = slice_find(*text, ':');

    target->scheme = (struct slice){text->data, colon};
    *text = slice_after(*text, colon);
    if (text->size < 3 || memcmp(text->data, "://", 3) != 0)
        return false;
    *text = slice_after(*text, 3);
    return slice_equal_ignore_case(target->scheme, SLICE("http")) ||
        slice_equal_ignore_case(target->scheme, SLICE("https"));
}

static const char *parse_absolute_form(
    struct slice method, struct slice text, struct target *target)
{
    struct slice host, port;
    size_t end = 0;

    target->form = REQUEST_ABSOLUTE;
    if (!take_scheme(&text, target))
        return "malformed request-target";
    while (end < text.size && text.data[end] != '/' && text.data[end] != '?')
        end++;
    target->authority = (struct slice){text.data, end};
    if (!syntax_split_authority(target->authority, false, &host, &port))
        return "malformed authority in the request-target";

    const char *problem = parse_path_and_query(slice_after(text, end), target);
    if (problem || target->path.size > 0)
        return problem;
    /* An empty path equals "/" (RFC 9110 §4.2.3), except in OPTIONS without a query, where it means
     * the server as a whole (RFC 9112 §3.2.4). */
    target->path = SLICE("/");
    if (slice_equal(method, SLICE("OPTIONS")) && !target->query.data) {
        target->form = REQUEST_ASTERISK;
        target->path = (struct slice){0};
    }
    return NULL;
}

const char *target_parse(struct slice method, struct slice text, struct target *ret)
{
    if (text.size == 0)
        return "empty request-target";
    for (size_t i = 0; i < text.size; i++)
        if (!syntax_is_visible(text.data[i]) || text.data[i] == '#')
            return "bad character in the request-target";

    *ret = (struct target){0};
    if (slice_equal(method, SLICE("CONNECT")))
        return parse_authority_form(text, ret);
    if (text.data[0] == '/') {
        ret->form = REQUEST_ORIGIN;
        return parse_path_and_query(text, ret);
    }
    if (!slice_equal(text, SLICE("*")))
        return parse_absolute_form(method, text, ret);
    if (!slice_equal(method, SLICE("OPTIONS")))
        return "asterisk-form target without OPTIONS";
    ret->form = REQUEST_ASTERISK;
    return NULL;
}

bool target_split_url(struct slice text, struct slice *ret_host, struct slice *ret_path)
{
    const struct slice scheme = SLICE("http://");
    struct slice host = {0};

    if (text.size >= scheme.size && memcmp(text.data, scheme.data, scheme.size) == 0) {
        text = slice_after(text, scheme.size);
        host = (struct slice){text.data, slice_find(text, '/')};
        if (host.size == 0)
            return false;
        text = slice_after(text, host.size);
    }
    if (text.size == 0 || text.data[0] != '/')
        return false;
    *ret_host = host;
    *ret_path = text;
    return true;
}
