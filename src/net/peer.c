#include "net/peer.h"

#include "http/syntax.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* Reads an address into the pattern, all of whose bits count then. */
static bool read_address(const char *text, struct peer_pattern *pattern)
{
    if (inet_pton(AF_INET, text, pattern->address) == 1) {
        pattern->family = AF_INET;
        pattern->bits = 32;
        return true;
    }
    pattern->family = AF_INET6;
    pattern->bits = 128;
    return inet_pton(AF_INET6, text, pattern->address) == 1;
}

/* An IPv4 peer of an IPv6 socket has its IPv4 address in struct address. */
static void unmap(struct peer_pattern *pattern)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};

    if (pattern->family != AF_INET6 || pattern->bits < 96 ||
        memcmp(pattern->address, prefix, sizeof(prefix)) != 0)
        return;
    pattern->family = AF_INET;
    pattern->bits -= 96;
    memmove(pattern->address, pattern->address + sizeof(prefix), 4);
}

bool peer_parse(const char *text, struct peer_pattern *ret_pattern)
{
    struct peer_pattern pattern = {0};
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    char address[INET6_ADDRSTRLEN];
    uint64_t bits;

    if (strcmp(text, "unix") == 0) {
        *ret_pattern = (struct peer_pattern){.family = AF_UNIX};
        return true;
    }
    if (size >= sizeof(address))
        return false;
    memcpy(address, text, size);
    address[size] = '\0';
    if (!read_address(address, &pattern))
        return false;
    if (slash) {
        const struct slice digits = {slash + 1, strlen(slash + 1)};
        if (syntax_parse_decimal(digits, &bits) < 0 || bits > pattern.bits)
            return false;
        pattern.bits = (unsigned)bits;
    }
    unmap(&pattern);
    *ret_pattern = pattern;
    return true;
}

static bool are_bits_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;

    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

bool peer_is_among(const struct address *peer, const struct peer_pattern *patterns, size_t count)
{
    struct peer_pattern own = {.family = peer->family};

    if (peer->family != AF_UNIX && !read_address(peer->host, &own))
        return false;
    for (size_t i = 0; i < count; i++)
        if (patterns[i].family == own.family &&
            are_bits_equal(patterns[i].address, own.address, patterns[i].bits))
            return true;
    return false;
}
