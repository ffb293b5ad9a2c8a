#include "proxy/peer.h"

#include "http/syntax.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void peer_of_socket(int fd, struct peer *ret)
{
    struct ucred user = {.uid = (uid_t)-1};
    socklen_t size = sizeof(user);

    *ret = (struct peer){0};
    address_of_peer(fd, &ret->address);
    if (ret->address.family != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) < 0 || user.uid == (uid_t)-1)
        return;
    ret->has_user = true;
    ret->pid = user.pid;
    ret->uid = user.uid;
    ret->gid = user.gid;
}

/* ---- patterns ------------------------------------------------------------------------------- */

/* Sets the pattern to match exactly this address. */
static bool set_address(struct slice text, struct peer_pattern *pattern)
{
    bool is_ipv4 = slice_find(text, ':') == text.size;

    pattern->family = is_ipv4 ? AF_INET : AF_INET6;
    pattern->bits = is_ipv4 ? 32 : 128;
    return syntax_parse_ip_address(pattern->family, text, pattern->address);
}

/* struct address has the IPv4 address of an IPv4 peer of an IPv6 socket, so the pattern must have
 * it, too. */
static void unmap_address(struct peer_pattern *pattern)
{
    if (pattern->family != AF_INET6 || pattern->bits < 96 || !address_is_mapped(pattern->address))
        return;
    pattern->family = AF_INET;
    pattern->bits -= 96;
    memmove(pattern->address, pattern->address + 12, 4);
}

/* A UID, or a user name of characters that are safe in passwd(5) files. */
static bool read_user(const char *text, struct peer_pattern *pattern)
{
    uint64_t number;

    if (text[0] == '\0' || text[strcspn(text, ":/ \t\n")] != '\0')
        return false;
    int r = syntax_parse_decimal(slice_of(text), &number);
    if (r == -EINVAL) {
        pattern->user = text;
        return true;
    }
    /* (uid_t)-1 is not a user: it means "no change" in setreuid(2). */
    if (r < 0 || number >= (uid_t)-1)
        return false;
    pattern->has_uid = true;
    pattern->uid = (uid_t)number;
    return true;
}

bool peer_parse(const char *text, struct peer_pattern *ret_pattern)
{
    struct peer_pattern pattern = {0};
    struct slice whole = slice_of(text);
    size_t slash = slice_find(whole, '/');
    uint64_t bits;

    if (strcmp(text, "unix") == 0) {
        *ret_pattern = (struct peer_pattern){.family = AF_UNIX};
        return true;
    }
    if (strncmp(text, "unix:", 5) == 0) {
        pattern.family = AF_UNIX;
        if (!read_user(text + 5, &pattern))
            return false;
        *ret_pattern = pattern;
        return true;
    }
    if (!set_address((struct slice){text, slash}, &pattern))
        return false;
    if (slash < whole.size) {
        if (syntax_parse_decimal(slice_after(whole, slash + 1), &bits) < 0 || bits > pattern.bits)
            return false;
        pattern.bits = (unsigned)bits;
    }
    unmap_address(&pattern);
    *ret_pattern = pattern;
    return true;
}

int peer_find_user(struct peer_pattern *pattern)
{
    errno = 0;
    const struct passwd *user = getpwnam(pattern->user);
    if (!user)
        return errno != 0 && errno != ESRCH ? -errno : -ENOENT;
    pattern->has_uid = true;
    pattern->uid = user->pw_uid;
    pattern->user = NULL;
    return 0;
}

bool peer_is_user_distinct(uid_t uid)
{
    enum { OVERFLOW_UID = 65534 }; /* the default of /proc/sys/kernel/overflowuid */
    FILE *map = fopen("/proc/self/uid_map", "re");
    unsigned long mapped = 0;
    bool is_mapped = false;
    char line[64], *rest;

    if (!map)
        return uid != OVERFLOW_UID;
    while (fgets(line, sizeof(line), map)) {
        unsigned long first = strtoul(line, &rest, 10);
        strtoul(rest, &rest, 10); /* the first UID outside of the namespace */
        unsigned long count = strtoul(rest, NULL, 10);
        mapped += count;
        is_mapped |= uid >= first && uid - first < count;
    }
    fclose(map);
    return is_mapped && (uid != OVERFLOW_UID || mapped >= (uid_t)-1);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool are_bits_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;

    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

/* Whether the pattern matches a peer of the same family. */
static bool matches(
    const struct peer_pattern *pattern, const struct peer *peer, const unsigned char address[16])
{
    if (pattern->family != AF_UNIX)
        return are_bits_equal(pattern->address, address, pattern->bits);
    if (pattern->has_uid)
        return peer->has_user && peer->uid == pattern->uid;
    return !pattern->user;
}

bool peer_is_trusted(const struct peer *peer, const struct trust *trust)
{
    struct peer_pattern own = {.family = peer->address.family};

    if (peer->client_is_unknown)
        return false;
    if (own.family != AF_UNIX && !set_address(slice_of(peer->address.host), &own))
        return false;
    for (size_t i = 0; i < trust->n_proxies; i++)
        if (trust->proxies[i].family == own.family &&
            matches(&trust->proxies[i], peer, own.address))
            return true;
    return false;
}
