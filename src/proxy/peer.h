#pragma once

/* The peer of a connection, and the patterns in which an admin names trusted ones: "unix" for any
 * peer of a unix socket, "unix:USER" for one that runs as this user, or an IP address, optionally
 * with "/" and the number of leading bits to compare. */

#include "proxy/address.h"
#include "proxy/forwarded.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The other end of a connection. */
struct peer {
    struct address address;
    bool has_user; /* pid, uid and gid are known: for unix sockets only; as of the time of
                      connecting */
    pid_t pid;     /* 0: of a process outside this PID namespace */
    uid_t uid;
    gid_t gid;
    bool client_is_unknown; /* a proxy whose PROXY protocol header does not name the client */
    bool is_tls;            /* it uses TLS, as reported in the PROXY protocol header */
};

/* Never fails: what is unknown is empty (getpeername(2), SO_PEERCRED in unix(7)). */
void peer_of_socket(int fd, struct peer *ret);

struct peer_pattern {
    int family;                /* AF_UNIX, AF_INET or AF_INET6 */
    unsigned bits;             /* leading bits of the address that must match */
    unsigned char address[16]; /* in network order; IPv4: the first 4 bytes */
    bool has_uid;              /* with AF_UNIX: matches only this user */
    uid_t uid;
    const char *user; /* a user name not resolved yet, see peer_find_user; or NULL */
};

/* Parses "unix", "unix:33", "unix:www-data", "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". An
 * IPv4-mapped IPv6 address with at least the 96 bits of its prefix becomes the IPv4 address.
 * Returns whether the text is valid. A user name borrows from the text. */
bool peer_parse(const char *text, struct peer_pattern *ret_pattern);

/* Resolves the user name of a pattern, perhaps through a directory service, which can block.
 * Returns 0, or -errno: -ENOENT when no such user exists. */
int peer_find_user(struct peer_pattern *pattern);

/* Whether this process can tell the user from all others: users without a mapping in its user
 * namespace all appear as the overflow UID (user_namespaces(7), "Unmapped user and group IDs"). */
bool peer_is_user_distinct(uid_t uid);

/* The trusted proxies, and the forwarding fields that they may set. */
struct trust {
    struct peer_pattern *proxies; /* `n_proxies` of them */
    size_t n_proxies;
    unsigned fields; /* of enum forwarded_field */
};

/* Whether the peer is a trusted proxy. A peer without a known address is not, and neither is one
 * that connects for an unknown client. */
bool peer_is_trusted(const struct peer *peer, const struct trust *trust);
