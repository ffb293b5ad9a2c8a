/* Tests src/proxy/client.h: which forwarding fields of which proxies are used. */

#include "proxy/client.h"
#include "unit.h"

#include <stdio.h>
#include <sys/socket.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum {
    ALL_X = FORWARDED_ALL & ~FORWARDED,
    FOR_PROTO = FORWARDED_FOR | FORWARDED_PROTO,
};

/* The peer is 10.0.0.1, in the trusted 10.0.0.0/8. */
static const struct {
    unsigned fields;
    const char *lines;
    const char *client; /* host,port,scheme,host,port,prefix; "-": absent; or "400" */
} rows[] = {
    /* no fields, or no trusted fields */
    {ALL_X, "", "10.0.0.1,4711,-,-,-,-"},
    {0, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "10.0.0.1,4711,-,-,-,-"},
    {FORWARDED, "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1,4711,-,-,-,-"},
    {ALL_X, "Forwarded: for=192.0.2.1;proto=https\r\n", "10.0.0.1,4711,-,-,-,-"},
    {FORWARDED_FOR,
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: ftp\r\n"
        "X-Forwarded-Host: /\r\nX-Forwarded-Port: x\r\nX-Forwarded-Prefix: x\r\n",
        "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_PROTO, "X-Forwarded-For: x\r\nX-Forwarded-Proto: https\r\n",
        "10.0.0.1,4711,https,-,-,-"},
    /* the address of the client */
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.1:80\r\n", "192.0.2.1,80,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 2001:DB8:0::1\r\n", "2001:db8::1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: invented, 192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 10.9.9.9, 192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.7, 192.0.2.1, 10.0.0.3, 10.0.0.2\r\n",
        "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.3\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 10.0.0.4, 10.0.0.3\r\n", "10.0.0.4,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "192.0.2.1,-,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: unknown\r\n", ",,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.3\r\n", ",,-,-,-,-"},
    {FORWARDED_FOR, "X-Forwarded-For: 192.0.2.1, invented\r\n", "400"},
    {FORWARDED_FOR, "X-Forwarded-For: invented, 10.0.0.3\r\n", "400"},
    {FORWARDED_FOR, "X-Forwarded-For:\r\n", "10.0.0.1,4711,-,-,-,-"},
    /* the original request */
    {ALL_X,
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a:81\r\n"
        "X-Forwarded-Port: 8443\r\nX-Forwarded-Prefix: /p\r\n",
        "192.0.2.1,-,https,a:81,8443,/p"},
    {ALL_X, "X-Forwarded-Proto: https\r\n", "10.0.0.1,4711,https,-,-,-"},
    {ALL_X, "X-Forwarded-Proto: wss\r\n", "400"},
    {ALL_X, "X-Forwarded-Host: a b\r\n", "400"},
    {ALL_X, "X-Forwarded-Port: 0\r\n", "400"},
    {ALL_X, "X-Forwarded-Prefix: //evil.example\r\n", "400"},
    /* of several elements, the one of the proxy that the client connected to */
    {FOR_PROTO, "X-Forwarded-Proto: https, http\r\n", "10.0.0.1,4711,http,-,-,-"},
    {FOR_PROTO, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https, http\r\n",
        "192.0.2.1,-,http,-,-,-"},
    {FOR_PROTO, "X-Forwarded-For: 192.0.2.1, 10.0.0.3\r\nX-Forwarded-Proto: ftp, https, http\r\n",
        "192.0.2.1,-,https,-,-,-"},
    {FOR_PROTO, "X-Forwarded-For: 192.0.2.1, 10.0.0.3, 10.0.0.2\r\nX-Forwarded-Proto: https\r\n",
        "192.0.2.1,-,https,-,-,-"},
    {ALL_X, "X-Forwarded-For: 192.0.2.1, 10.0.0.3\r\nX-Forwarded-Host: evil, a, b\r\n",
        "192.0.2.1,-,-,a,-,-"},
    /* a Host that would be several elements of a list that a proxy copies it into */
    {FORWARDED_HOST, "Host: a,evil\r\nX-Forwarded-Host: a,evil\r\n", "400"},
    {FORWARDED, "Host: a,for=192.0.2.9\r\nForwarded: for=192.0.2.1;host=a,for=192.0.2.9\r\n",
        "400"},
    {FORWARDED, "Host: a;proto=https\r\nForwarded: for=192.0.2.1;host=a;proto=https\r\n", "400"},
    {FOR_PROTO, "Host: a,b;c\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {ALL_X, "Host: b\r\nX-Forwarded-Host: evil, a\r\n", "10.0.0.1,4711,-,a,-,-"},
    /* Forwarded */
    {FORWARDED, "Forwarded: for=192.0.2.1;proto=https;host=a\r\n", "192.0.2.1,-,https,a,-,-"},
    {FORWARDED, "Forwarded: for=192.0.2.9;proto=https, for=192.0.2.1;proto=http\r\n",
        "192.0.2.1,-,http,-,-,-"},
    {FORWARDED, "Forwarded: for=192.0.2.1;proto=https;host=a, for=10.0.0.3;proto=http;host=b\r\n",
        "192.0.2.1,-,https,a,-,-"},
    {FORWARDED, "Forwarded: invented, for=192.0.2.1\r\n", "192.0.2.1,-,-,-,-,-"},
    {FORWARDED, "Forwarded: for=_hidden;proto=https\r\n", ",,https,-,-,-"},
    {FORWARDED, "Forwarded: proto=https\r\n", ",,https,-,-,-"},
    {FORWARDED, "Forwarded: for=192.0.2.1;proto=ftp\r\n", "400"},
    {FORWARDED, "Forwarded: for=192.0.2.1;host=\"a b\"\r\n", "400"},
    {FORWARDED, "Forwarded: for=\"192.0.2.9, for=192.0.2.1\r\n", "400"},
    {FORWARDED, "Forwarded: for=192.0.2.1;proto=http;proto=https\r\n", "400"},
};

static void describe(const struct client *client, char *text, size_t size)
{
    const struct slice parts[] = {client->scheme, client->host, client->port, client->prefix};
    size_t end = (size_t)snprintf(text, size, "%s,%s", client->address.host,
        client->address.port[0] || !client->address.host[0] ? client->address.port : "-");

    for (size_t i = 0; i < LENGTH(parts); i++)
        end += (size_t)snprintf(text + end, size - end, ",%.*s",
            parts[i].data ? (int)parts[i].size : 1, parts[i].data ? parts[i].data : "-");
}

static int find_for(const char *method, const char *target, const char *lines,
    const struct peer *peer, unsigned fields, struct client *client)
{
    static const struct request_limits limits = {.line = 1000, .section = 10000, .fields = 100};
    static char head[4096];
    static struct peer_pattern proxies[2];
    const struct trust trust = {proxies, 2, fields};
    struct request request = {0};
    size_t size = (size_t)snprintf(
               head, sizeof(head), "%s %s HTTP/1.0\r\n%s\r\n", method, target, lines),
           parsed;

    peer_parse("10.0.0.0/8", &proxies[0]);
    peer_parse("unix:33", &proxies[1]);
    unit_same_int(
        "status of the request", request_parse(&request, head, size, &limits, &parsed), 0);
    int r = client_find(peer, &trust, &request, client);
    unit_same_int("there is a problem", request.problem != NULL, r != 0);
    return r;
}

static int find(const char *lines, const struct peer *peer, unsigned fields, struct client *client)
{
    return find_for("GET", "/", lines, peer, fields, client);
}

static void test_trusted(void)
{
    const struct peer peer = {.address = {AF_INET, "10.0.0.1", "4711"}};

    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct client client = {.address = {.host = "untouched"}};
        char text[256] = "400";
        unit_case("fields %#x: %s", rows[i].fields, rows[i].lines);
        int r = find(rows[i].lines, &peer, rows[i].fields, &client);
        if (r == 0)
            describe(&client, text, sizeof(text));
        else
            unit_same_slice("client", slice_of(client.address.host), SLICE("untouched"));
        unit_same_int("status", r, strcmp(rows[i].client, "400") == 0 ? 400 : 0);
        unit_same_slice("client", slice_of(text), slice_of(rows[i].client));
    }
}

#define USER(number)                                                                               \
    .address = {.family = AF_UNIX}, .has_user = true, .pid = 1, .uid = (number), .gid = 33

static const struct {
    const char *name;
    struct peer peer;
    bool is_trusted;
} peers[] = {
    {"a proxy", {.address = {AF_INET, "10.0.0.1", "1"}}, true},
    {"the trusted user", {USER(33)}, true},
    {"another user", {USER(34)}, false},
    {"a proxy for an unknown client", {USER(33), .client_is_unknown = true}, false},
    {"another address", {.address = {AF_INET, "192.0.2.1", "1"}}, false},
    {"an unknown address", {.pid = 1}, false},
};

static void test_peers(void)
{
    static const char lines[] = "X-Forwarded-For: 192.0.2.99\r\nX-Forwarded-Proto: https\r\n"
                                "X-Forwarded-Host: evil\r\nX-Forwarded-Prefix: //\r\n";
    const unsigned fields = FOR_PROTO | FORWARDED_HOST;

    for (size_t i = 0; i < LENGTH(peers); i++) {
        struct client client;
        unit_case("from %s", peers[i].name);
        unit_same_int("status", find(lines, &peers[i].peer, fields, &client), 0);
        unit_same_slice("client", slice_of(client.address.host),
            slice_of(peers[i].is_trusted ? "192.0.2.99" : peers[i].peer.address.host));
        unit_same_int("scheme", client.scheme.data != NULL, peers[i].is_trusted);
        unit_same_int("host", client.host.data != NULL, peers[i].is_trusted);
        unit_same_int(
            "dropped", client.dropped_fields, FORWARDED_ALL & ~(peers[i].is_trusted ? fields : 0));
    }
    unit_case("without trusted fields, none is dropped");
    struct client client;
    unit_same_int("status", find(lines, &peers[3].peer, 0, &client), 0);
    unit_same_int("dropped", client.dropped_fields, 0);
}

/* RFC 9110 §7.4: an https target requires a secured connection, or one of a trusted gateway. */
static const struct {
    const char *what, *target;
    size_t peer; /* index into peers: 0 is a trusted proxy, 4 is not trusted */
    bool is_tls;
    unsigned fields;
    const char *lines;
    int status;
} targets[] = {
    {"no proxy vouches for it", "https://a/x", 4, false, 0, "", 421},
    {"nor for a unix socket", "https://a/x", 2, false, 0, "", 421},
    {"nor for a proxy with an unknown client", "https://a/x", 3, false, 0, "", 421},
    {"the scheme is case-insensitive", "HTTPS://a", 4, false, 0, "", 421},
    {"as the target of OPTIONS", "https://a", 4, false, 0, "", 421},
    {"a field of the client is ignored", "https://a/x", 4, false, ALL_X,
        "X-Forwarded-Proto: https\r\n", 421},
    {"http needs no proxy", "http://a/x", 4, false, 0, "", 0},
    {"nor does a path", "/https://a/x", 4, false, 0, "", 0},
    {"a trusted proxy vouches", "https://a/x", 0, false, 0, "", 0},
    {"a trusted user vouches", "https://a/x", 1, false, 0, "", 0},
    {"X-Forwarded-Proto is https", "https://a/x", 0, false, ALL_X, "X-Forwarded-Proto: https\r\n",
        0},
    {"proto of Forwarded is https", "https://a/x", 0, false, FORWARDED,
        "Forwarded: for=192.0.2.1;proto=https\r\n", 0},
    {"X-Forwarded-Proto is http", "https://a/x", 0, false, ALL_X, "X-Forwarded-Proto: http\r\n",
        421},
    {"proto of Forwarded is http", "https://a/x", 0, true, FORWARDED,
        "Forwarded: for=192.0.2.1;proto=http\r\n", 421},
    {"X-Forwarded-Proto is not trusted", "https://a/x", 0, false, FORWARDED_FOR,
        "X-Forwarded-Proto: http\r\n", 0},
    {"Forwarded without proto", "https://a/x", 0, false, FORWARDED, "Forwarded: for=192.0.2.1\r\n",
        0},
    {"the PROXY protocol reports TLS", "https://a/x", 4, true, 0, "", 0},
    {"http over TLS", "http://a/x", 4, true, 0, "", 0},
};

static void test_targets(void)
{
    for (size_t i = 0; i < LENGTH(targets); i++) {
        const char *method = strchr(targets[i].target + 8, '/') ? "GET" : "OPTIONS";
        struct peer peer = peers[targets[i].peer].peer;
        struct client client = {.address = {.host = "untouched"}};

        unit_case("%s %s: %s", method, targets[i].target, targets[i].what);
        peer.is_tls = targets[i].is_tls;
        int r = find_for(
            method, targets[i].target, targets[i].lines, &peer, targets[i].fields, &client);
        unit_same_int("status", r, targets[i].status);
        if (r != 0)
            unit_same_slice("client", slice_of(client.address.host), SLICE("untouched"));
    }
}

int main(void)
{
    test_trusted();
    test_targets();
    test_peers();
    return unit_done();
}
