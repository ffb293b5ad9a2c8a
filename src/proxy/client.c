#include "proxy/client.h"

#include <stdio.h>

/* ---- the client's address ------------------------------------------------------------------- */

/* The address of an element, which the parser has validated; empty when it has none. */
static void read_node_address(const struct forwarded_element *element, struct address *ret)
{
    if (address_of_text(element->address, ret))
        snprintf(ret->port, sizeof(ret->port), "%.*s", (int)element->port.size,
            element->port.data ? element->port.data : "");
}

/* Finds the client's element: the last one that is not a trusted proxy. A trusted proxy has
 * appended it; the elements before it may be forged. If all are trusted, it is the first, the
 * farthest known hop. Returns whether there is an element; *ret_after is how many elements
 * come after it. */
static bool find_client_element(const struct request *request, enum forwarded_field field,
    const struct trust *trust, struct forwarded_element *ret_element, size_t *ret_after)
{
    struct forwarded_cursor cursor = {0};
    struct forwarded_element element;
    bool is_found = false;

    while (forwarded_next(request, field, &cursor, &element)) {
        struct peer hop = {0};
        read_node_address(&element, &hop.address);
        if (is_found && peer_is_trusted(&hop, trust)) {
            ++*ret_after;
            continue;
        }
        *ret_element = element;
        *ret_after = 0;
        is_found = true;
    }
    return is_found;
}

/* ---- the original request ------------------------------------------------------------------- */

/* Takes the value of one of the X-Forwarded-* fields, if the proxy may set it. Returns whether the
 * value is valid or absent. */
static bool take_x(const struct request *request, unsigned fields, enum forwarded_field field,
    size_t after, bool (*is_valid)(struct slice), struct slice *ret)
{
    struct slice value = {0};

    if (fields & field)
        value = forwarded_find(request, field, after);
    if (value.data && !is_valid(value))
        return false;
    *ret = value;
    return true;
}

static int reject(struct request *request, const char *problem)
{
    request->problem = problem;
    return 400;
}

/* An https target requires a connection secured for its origin (RFC 9110 §7.4). This server has no
 * TLS, so a trusted proxy must have secured it. If the proxy reports a scheme, that decides. */
static bool is_misdirected(const struct peer *peer, const struct trust *trust,
    const struct request *request, const struct client *client)
{
    if (!slice_equal_ignore_case(request->scheme, SLICE("https")))
        return false;
    if (client->scheme.data)
        return !slice_equal_ignore_case(client->scheme, SLICE("https"));
    return !peer->is_tls && !peer_is_trusted(peer, trust);
}

/* Proxies copy Host into these fields, where a comma or a semicolon would let the client add
 * elements of its own. No host name has one (RFC 1123 §2.1). */
static bool is_host_a_list(const struct request *request)
{
    struct slice host = request_find_field(request, SLICE("Host"));

    return slice_find(host, ',') < host.size || slice_find(host, ';') < host.size;
}

static int read_forwarded(const struct trust *trust, struct request *request, struct client *client)
{
    struct forwarded_element element = {0};
    size_t after = 0;

    if (!find_client_element(request, FORWARDED, trust, &element, &after))
        return 0;
    if (element.is_malformed || (element.scheme.data && !forwarded_is_scheme(element.scheme)) ||
        (element.host.data && !forwarded_is_host(element.host)))
        return reject(request, "Forwarded from a trusted proxy is malformed");
    read_node_address(&element, &client->address);
    client->scheme = element.scheme;
    client->host = element.host;
    return 0;
}

static int read_x_forwarded(
    const struct trust *trust, struct request *request, struct client *client)
{
    struct forwarded_element element = {0};
    size_t after = 0;
    unsigned fields = trust->fields;

    if ((fields & FORWARDED_FOR) &&
        find_client_element(request, FORWARDED_FOR, trust, &element, &after)) {
        if (element.is_malformed)
            return reject(request, "X-Forwarded-For from a trusted proxy is malformed");
        read_node_address(&element, &client->address);
    }
    if (!take_x(request, fields, FORWARDED_PROTO, after, forwarded_is_scheme, &client->scheme))
        return reject(request, "X-Forwarded-Proto from a trusted proxy is neither http nor https");
    if (!take_x(request, fields, FORWARDED_HOST, after, forwarded_is_host, &client->host))
        return reject(request, "X-Forwarded-Host from a trusted proxy is malformed");
    if (!take_x(request, fields, FORWARDED_PORT, after, forwarded_is_port, &client->port))
        return reject(request, "X-Forwarded-Port from a trusted proxy is malformed");
    if (!take_x(request, fields, FORWARDED_PREFIX, after, forwarded_is_prefix, &client->prefix))
        return reject(request, "X-Forwarded-Prefix from a trusted proxy is malformed");
    return 0;
}

int client_find(const struct peer *peer, const struct trust *trust, struct request *request,
    struct client *ret_client)
{
    struct client client = {.address = peer->address};
    int r = 0;

    if (trust->fields != 0) {
        unsigned allowed = peer_is_trusted(peer, trust) ? trust->fields : 0;
        client.dropped_fields = FORWARDED_ALL & ~allowed;
        if ((allowed & (FORWARDED | FORWARDED_HOST)) && is_host_a_list(request))
            r = reject(request, "comma or semicolon in Host, which proxies copy into lists");
        else if (allowed & FORWARDED)
            r = read_forwarded(trust, request, &client);
        else if (allowed)
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
