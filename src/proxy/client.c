#include "proxy/client.h"

#include <stdio.h>

/* ---- the client's address ------------------------------------------------------------------- */

/* The address in an element, which the parser has found valid; nothing when there is none. */
static void read_address(const struct forwarded_element *element, struct address *ret)
{
    if (address_of_text(element->address, ret))
        snprintf(ret->port, sizeof(ret->port), "%.*s", (int)element->port.size,
            element->port.data ? element->port.data : "");
}

/* The last element that does not stand for a trusted proxy is the client's, because a trusted one
 * has added it; those before may be inventions. If all are trusted, the first one is the farthest
 * that we know of. Returns whether there is an element; *ret_behind is how many follow it. */
static bool find_element(const struct request *request, enum forwarded_field field,
    const struct trust *trust, struct forwarded_element *ret_element, size_t *ret_behind)
{
    struct forwarded_cursor cursor = {0};
    struct forwarded_element element;
    bool is_found = false;

    while (forwarded_next(request, field, &cursor, &element)) {
        struct peer hop = {0};
        read_address(&element, &hop.address);
        if (is_found && peer_is_trusted(&hop, trust)) {
            ++*ret_behind;
            continue;
        }
        *ret_element = element;
        *ret_behind = 0;
        is_found = true;
    }
    return is_found;
}

/* ---- what it asked for ---------------------------------------------------------------------- */

static bool is_scheme_good(struct slice value)
{
    return !value.data || forwarded_is_scheme(value);
}

static bool is_host_good(struct slice value)
{
    return !value.data || forwarded_is_host(value);
}

/* Takes the value of one of the X-Forwarded-* fields, if it is to be believed. Returns whether it
 * is good. */
static bool take(const struct request *request, unsigned fields, enum forwarded_field field,
    size_t behind, bool (*is_good)(struct slice), struct slice *ret)
{
    struct slice value = {0};

    if (fields & field)
        value = forwarded_find(request, field, behind);
    if (value.data && !is_good(value))
        return false;
    *ret = value;
    return true;
}

static int refuse(struct request *request, const char *problem)
{
    request->problem = problem;
    return 400;
}

/* An https target wants a connection that was secured for its origin (RFC 9110 §7.4). None of ours
 * is, so a trusted proxy has to stand for it; what it says of the scheme counts. */
static bool is_misdirected(const struct peer *peer, const struct trust *trust,
    const struct request *request, const struct client *client)
{
    if (!slice_equal_ignore_case(request->scheme, SLICE("https")))
        return false;
    if (client->scheme.data)
        return !slice_equal_ignore_case(client->scheme, SLICE("https"));
    return !peer->is_tls && !peer_is_trusted(peer, trust);
}

/* Proxies copy Host into these fields. What separates the elements of a list there would be the
 * client's own elements; no name of a host has it (RFC 1123 §2.1). */
static bool is_host_a_list(const struct request *request)
{
    struct slice host = request_find_field(request, SLICE("Host"));

    return slice_find(host, ',') < host.size || slice_find(host, ';') < host.size;
}

static int read_forwarded(const struct trust *trust, struct request *request, struct client *client)
{
    struct forwarded_element element = {0};
    size_t behind = 0;

    if (!find_element(request, FORWARDED, trust, &element, &behind))
        return 0;
    if (element.is_malformed || !is_scheme_good(element.scheme) || !is_host_good(element.host))
        return refuse(request, "Forwarded from a trusted proxy is malformed");
    read_address(&element, &client->address);
    client->scheme = element.scheme;
    client->host = element.host;
    return 0;
}

static int read_x_forwarded(
    const struct trust *trust, struct request *request, struct client *client)
{
    struct forwarded_element element = {0};
    size_t behind = 0;
    unsigned fields = trust->fields;

    if ((fields & FORWARDED_FOR) &&
        find_element(request, FORWARDED_FOR, trust, &element, &behind)) {
        if (element.is_malformed)
            return refuse(request, "X-Forwarded-For from a trusted proxy is malformed");
        read_address(&element, &client->address);
    }
    if (!take(request, fields, FORWARDED_PROTO, behind, forwarded_is_scheme, &client->scheme))
        return refuse(request, "X-Forwarded-Proto from a trusted proxy is neither http nor https");
    if (!take(request, fields, FORWARDED_HOST, behind, forwarded_is_host, &client->host))
        return refuse(request, "X-Forwarded-Host from a trusted proxy is malformed");
    if (!take(request, fields, FORWARDED_PORT, behind, forwarded_is_port, &client->port))
        return refuse(request, "X-Forwarded-Port from a trusted proxy is malformed");
    if (!take(request, fields, FORWARDED_PREFIX, behind, forwarded_is_prefix, &client->prefix))
        return refuse(request, "X-Forwarded-Prefix from a trusted proxy is malformed");
    return 0;
}

int client_find(const struct peer *peer, const struct trust *trust, struct request *request,
    struct client *ret_client)
{
    struct client client = {.address = peer->address};
    int r = 0;

    if (trust->fields != 0) {
        unsigned believed = peer_is_trusted(peer, trust) ? trust->fields : 0;
        client.dropped_fields = FORWARDED_ALL & ~believed;
        if ((believed & (FORWARDED | FORWARDED_HOST)) && is_host_a_list(request))
            r = refuse(request, "comma or semicolon in Host, which proxies copy into lists");
        else if (believed & FORWARDED)
            r = read_forwarded(trust, request, &client);
        else if (believed)
            r = read_x_forwarded(trust, request, &client);
    }
    if (r == 0 && is_misdirected(peer, trust, request, &client)) {
        request->problem = "https target, but no trusted proxy reports an https connection";
        r = 421;
    }
    if (r == 0)
        *ret_client = client;
    return r;
}
