#pragma once

/* Peers as an admin names them: "unix" for whoever is at the other end of a unix socket, "unix:"
 * and a user for who runs as that one, or an IP address, with the number of bits that count behind
 * a slash or all of them. */

#include "proxy/address.h"
#include "proxy/forwarded.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who is at the other end of a connection. */
struct peer {
    struct address address;
    bool has_user; /* what follows is known: of a unix socket, from when it was connected */
    pid_t pid;     /* 0: of a process that cannot be seen from here */
    uid_t uid;
    gid_t gid;
    bool is_for_another; /* a proxy that asks for somebody whom it does not name */
    bool is_tls;         /* speaks TLS with the proxy that says so in the PROXY protocol */
};

/* Never fails: what is not known is empty (getpeername(2), SO_PEERCRED in unix(7)). */
void peer_of_socket(int fd, struct peer *ret);

struct peer_pattern {
    int family;                /* AF_UNIX, AF_INET or AF_INET6 */
    unsigned bits;             /* of the address that have to be equal */
    unsigned char address[16]; /* in network order; IPv4: the first 4 */
    bool has_uid;              /* of AF_UNIX: only this user is meant */
    uid_t uid;
    const char *user; /* whose number is not known yet, see peer_find_user; or NULL */
};

/* Reads "unix", "unix:33", "unix:www-data", "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". An
 * IPv4-mapped IPv6 address with at least the 96 bits of its prefix is the IPv4 address. Returns
 * whether it is one of those. A name borrows from the text. */
bool peer_parse(const char *text, struct peer_pattern *ret_pattern);

/* Looks up the number of a user that is given by name, which may ask a directory service. Returns
 * 0, or -errno: -ENOENT when there is none of that name. */
int peer_find_user(struct peer_pattern *pattern);

/* Whether the user is told from all others: who has no number in the user namespace of this process
 * is seen there with the one that nobody has outside (user_namespaces(7), "Unmapped user and group
 * IDs"). */
bool peer_is_user_distinct(uid_t uid);

/* Who may say on whose behalf a request comes, and in which fields. */
struct trust {
    struct peer_pattern *proxies; /* `n_proxies` of them */
    size_t n_proxies;
    unsigned fields; /* of enum forwarded_field */
};

/* Whether the peer is one of the proxies. One whose address is not known is none of
 * them, nor is who passes on what somebody else says. */
bool peer_is_trusted(const struct peer *peer, const struct trust *trust);
