/* Tests src/proxy/peer.h, the patterns of trusted peers. */

#include "proxy/peer.h"
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- reading -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    int family; /* 0: refused */
    unsigned bits;
} patterns[] = {
    {"unix", AF_UNIX, 0},
    {"192.0.2.1", AF_INET, 32},
    {"192.0.2.0/24", AF_INET, 24},
    {"0.0.0.0/0", AF_INET, 0},
    {"192.0.2.1/32", AF_INET, 32},
    {"::1", AF_INET6, 128},
    {"2001:db8::/32", AF_INET6, 32},
    {"::/0", AF_INET6, 0},
    {"2001:0db8:0000:0000:0000:ff00:0042:8329/128", AF_INET6, 128},
    {"::ffff:192.0.2.1", AF_INET, 32},
    {"::ffff:192.0.2.0/120", AF_INET, 24},
    {"::ffff:0:0/96", AF_INET, 0},
    {"::ffff:0:0/95", AF_INET6, 95},
    {"", 0, 0},
    {"Unix", 0, 0},
    {"unix/0", 0, 0},
    {"unix:0", AF_UNIX, 0},
    {"unix:33", AF_UNIX, 0},
    {"unix:4294967294", AF_UNIX, 0},
    {"unix:www-data", AF_UNIX, 0},
    {"unix:4294967295", 0, 0}, /* (uid_t)-1 */
    {"unix:99999999999999999999", 0, 0},
    {"unix:", 0, 0},
    {"unix:33:33", 0, 0},
    {"unix:/run/socket", 0, 0},
    {"unix:a b", 0, 0},
    {"localhost", 0, 0},
    {"192.0.2", 0, 0},
    {"192.0.2.256", 0, 0},
    {"192.0.2.1/33", 0, 0},
    {"192.0.2.1/", 0, 0},
    {"192.0.2.1/-1", 0, 0},
    {"192.0.2.1/+8", 0, 0},
    {"192.0.2.1/8x", 0, 0},
    {"192.0.2.1/255.255.255.0", 0, 0},
    {"192.0.2.1/99999999999999999999", 0, 0},
    {"192.0.2.1 ", 0, 0},
    {"192.0.2.1:80", 0, 0},
    {"[::1]", 0, 0},
    {"::1/129", 0, 0},
    {"fe80::1%lo", 0, 0},
    {"/8", 0, 0},
    {"2001:0db8:0000:0000:0000:ff00:0042:8329:2001:0db8:0000:0000:0000:ff00", 0, 0},
};

static void test_reading(void)
{
    for (size_t i = 0; i < LENGTH(patterns); i++) {
        struct peer_pattern pattern = {.family = 4711};
        unit_case("read: '%s'", patterns[i].text);
        bool is_one = peer_parse(patterns[i].text, &pattern);
        unit_same_int("accepted", is_one, patterns[i].family != 0);
        unit_same_int("family", pattern.family, is_one ? patterns[i].family : 4711);
        if (is_one)
            unit_same_int("bits", pattern.bits, patterns[i].bits);
    }
}

/* ---- comparing ------------------------------------------------------------------------------ */

static const struct {
    const char *pattern;
    struct address address; /* as address_of_peer gives it */
    bool is_trusted;
} rows[] = {
    {"unix", {.family = AF_UNIX}, true},
    {"unix", {.family = AF_INET, .host = "127.0.0.1"}, false},
    {"unix", {.family = 0}, false},
    {"0.0.0.0/0", {.family = AF_UNIX}, false},
    {"0.0.0.0/0", {.family = 0}, false},
    {"0.0.0.0/0", {.family = AF_INET, .host = "203.0.113.9"}, true},
    {"0.0.0.0/0", {.family = AF_INET, .host = ""}, false}, /* after a reset */
    {"0.0.0.0/0", {.family = AF_INET6, .host = "::1"}, false},
    {"::/0", {.family = AF_INET6, .host = "2001:db8::1"}, true},
    {"::/0", {.family = AF_INET, .host = "203.0.113.9"}, false},
    {"192.0.2.1", {.family = AF_INET, .host = "192.0.2.1"}, true},
    {"192.0.2.1", {.family = AF_INET, .host = "192.0.2.2"}, false},
    {"192.0.2.0/24", {.family = AF_INET, .host = "192.0.2.255"}, true},
    {"192.0.2.0/24", {.family = AF_INET, .host = "192.0.3.0"}, false},
    {"192.0.2.77/24", {.family = AF_INET, .host = "192.0.2.1"}, true},
    {"10.128.0.0/9", {.family = AF_INET, .host = "10.255.0.1"}, true},
    {"10.128.0.0/9", {.family = AF_INET, .host = "10.127.0.1"}, false},
    {"192.0.2.1/31", {.family = AF_INET, .host = "192.0.2.0"}, true},
    {"192.0.2.1/31", {.family = AF_INET, .host = "192.0.2.2"}, false},
    {"2001:db8::/33", {.family = AF_INET6, .host = "2001:db8:7fff::1"}, true},
    {"2001:db8::/33", {.family = AF_INET6, .host = "2001:db8:8000::1"}, false},
    {"::1", {.family = AF_INET6, .host = "::1"}, true},
    {"::1", {.family = AF_INET6, .host = "::2"}, false},
    {"::ffff:192.0.2.1", {.family = AF_INET, .host = "192.0.2.1"}, true},
    {"::ffff:192.0.2.0/120", {.family = AF_INET, .host = "192.0.2.9"}, true},
    {"::ffff:192.0.2.0/120", {.family = AF_INET, .host = "192.0.3.9"}, false},
};

static void test_comparing(void)
{
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct peer peer = {.address = rows[i].address};
        struct peer_pattern pattern;
        unit_case("%s: family %d, '%s'", rows[i].pattern, peer.address.family, peer.address.host);
        if (unit_ok(peer_parse(rows[i].pattern, &pattern), "the pattern is invalid"))
            unit_same_int("trusted", peer_is_trusted(&peer, &(struct trust){&pattern, 1, 0}),
                rows[i].is_trusted);
    }
}

static void test_several(void)
{
    const struct peer peer = {.address = {.family = AF_INET, .host = "192.0.2.1"}};
    struct peer_pattern several[3];

    unit_case("no pattern, and several");
    peer_parse("unix", &several[0]);
    peer_parse("::/0", &several[1]);
    peer_parse("192.0.2.1", &several[2]);
    unit_ok(!peer_is_trusted(&peer, &(struct trust){0}), "no pattern");
    unit_ok(!peer_is_trusted(&peer, &(struct trust){several, 2, 0}), "two other patterns");
    unit_ok(peer_is_trusted(&peer, &(struct trust){several, 3, 0}), "the last pattern");
}

/* ---- users ---------------------------------------------------------------------------------- */

static bool is_user_trusted(const char *text, const struct peer *peer)
{
    struct peer_pattern pattern = {0};

    return unit_ok(peer_parse(text, &pattern), "'%s' is a pattern", text) &&
        peer_is_trusted(peer, &(struct trust){&pattern, 1, 0});
}

static void test_users(void)
{
    const struct peer user = {{.family = AF_UNIX}, true, 4711, 33, 34, false, false};
    const struct peer unknown = {.address = {.family = AF_UNIX}};
    const struct peer proxy = {{.family = AF_UNIX}, true, 4711, 33, 34, true, false};
    const struct peer elsewhere = {
        {.family = AF_INET, .host = "127.0.0.1"}, true, 4711, 33, 34, false, false};

    unit_case("the user of a unix socket");
    unit_ok(is_user_trusted("unix:33", &user), "that user");
    unit_ok(is_user_trusted("unix", &user), "any user");
    unit_ok(!is_user_trusted("unix:34", &user), "another user");
    unit_ok(!is_user_trusted("unix:0", &unknown), "an unknown user");
    unit_ok(!is_user_trusted("unix:33", &proxy), "for an unknown client");
    unit_ok(!is_user_trusted("unix:33", &elsewhere), "not a unix socket");
}

static void test_names_of_users(void)
{
    const struct peer root = {{.family = AF_UNIX}, true, 1, 0, 0, false, false};
    struct peer_pattern pattern;

    unit_case("a user by name");
    unit_ok(peer_parse("unix:root", &pattern), "a pattern");
    unit_ok(!peer_is_trusted(&root, &(struct trust){&pattern, 1, 0}), "before its lookup");
    unit_same_int("found", peer_find_user(&pattern), 0);
    unit_ok(peer_is_trusted(&root, &(struct trust){&pattern, 1, 0}), "after its lookup");
    unit_ok(peer_parse("unix:no-such-user", &pattern), "a pattern");
    unit_same_int("found", peer_find_user(&pattern), -ENOENT);
}

/* ---- sockets -------------------------------------------------------------------------------- */

static void test_sockets(void)
{
    struct peer peer = {.pid = 4711};
    int fds[2];

    unit_case("the peer of a unix socket");
    if (!unit_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "a pair of sockets"))
        return;
    peer_of_socket(fds[0], &peer);
    unit_same_int("family", peer.address.family, AF_UNIX);
    unit_ok(peer.has_user, "its user is known");
    unit_same_int("pid", peer.pid, getpid());
    unit_same_int("uid", peer.uid, geteuid());
    unit_same_int("gid", peer.gid, getegid());
    close(fds[0]);
    close(fds[1]);

    unit_case("the peer of a descriptor that is not a socket");
    peer_of_socket(-1, &peer);
    unit_same_int("family", peer.address.family, 0);
    unit_ok(!peer.has_user, "its user is not known");
}

int main(void)
{
    test_reading();
    test_comparing();
    test_several();
    test_users();
    test_names_of_users();
    test_sockets();
    return unit_done();
}
