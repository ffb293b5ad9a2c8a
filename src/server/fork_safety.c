#include "server/fork_safety.h"

#include "base/cleanup.h"
#include "base/process_threads.h"
#include "proxy/address.h"
#include "wsgi/python.h"

#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct socket {
    int fd;
    ino_t inode;
};

/* ---- descriptors ---------------------------------------------------------------------------- */

static bool is_socket(int fd, ino_t *ret_inode)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    *ret_inode = status.st_ino;
    return true;
}

/* Calls `visit` with each open descriptor except the standard streams. */
static void for_each_descriptor(void (*visit)(int fd, void *data), void *data)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > STDERR_FILENO && fd != dirfd(directory))
            visit(fd, data);
    }
    if (directory)
        closedir(directory);
}

static void record_socket(int fd, void *data)
{
    struct fork_safety *before = data;
    ino_t inode;

    if (!is_socket(fd, &inode))
        return;
    struct socket *sockets = realloc(before->sockets, (before->n_sockets + 1) * sizeof(*sockets));
    if (!sockets)
        return;
    sockets[before->n_sockets++] = (struct socket){.fd = fd, .inode = inode};
    before->sockets = sockets;
}

void fork_safety_init(struct fork_safety *ret)
{
    *ret = (struct fork_safety){0};
    for_each_descriptor(record_socket, ret);
}

void fork_safety_done(struct fork_safety *before)
{
    free(before->sockets);
    *before = (struct fork_safety){0};
}

bool fork_safety_has_sockets(const struct fork_safety *before)
{
    for (size_t i = 0; i < before->n_sockets; i++) {
        ino_t inode;
        if (!is_socket(before->sockets[i].fd, &inode) || inode != before->sockets[i].inode)
            return false;
    }
    return true;
}

/* ---- description ---------------------------------------------------------------------------- */

struct description {
    const struct fork_safety *before;
    FILE *text;
    bool any;
    bool has_event_loop;
};

static void begin_item(struct description *description)
{
    if (description->any)
        fputs(", ", description->text);
    description->any = true;
}

/* An epoll(7) descriptor almost certainly belongs to an event loop. Forked processes share it: a
 * descriptor that one of them adds is reported to all. */
static void describe_event_loop(int fd, void *data)
{
    struct description *description = data;
    char path[64], target[64] = "";

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof(target) - 1) < 0 ||
        strcmp(target, "anon_inode:[eventpoll]") != 0)
        return;
    begin_item(description);
    fprintf(description->text, "an event loop (descriptor %d)", fd);
    description->has_event_loop = true;
}

static void print_peer(FILE *text, int fd, const struct sockaddr_un *peer)
{
    struct address address;

    address_of_peer(fd, &address);
    if (address.host[0])
        fprintf(text, " to %s port %s", address.host, address.port);
    else if (peer->sun_family == AF_UNIX && peer->sun_path[0])
        fprintf(text, " to %s", peer->sun_path);
}

static bool was_open(const struct fork_safety *before, ino_t inode)
{
    for (size_t i = 0; i < before->n_sockets; i++)
        if (before->sockets[i].inode == inode)
            return true;
    return false;
}

/* Several processes can share a datagram socket (syslog, statsd): their messages do not mix. */
static bool is_datagram(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

/* One end of a socket pair of this process, such as the one an event loop wakes itself up with. */
static bool is_own_pair(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

static void describe_socket(int fd, void *data)
{
    struct description *description = data;
    struct sockaddr_un peer = {0};
    socklen_t size = sizeof(peer) - 1;
    ino_t inode;

    if (!is_socket(fd, &inode) || was_open(description->before, inode) || is_datagram(fd) ||
        getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
        (description->has_event_loop && is_own_pair(fd)))
        return;
    begin_item(description);
    fputs("a connection", description->text);
    print_peer(description->text, fd, &peer);
    fprintf(description->text, " (descriptor %d)", fd);
}

static void describe_threads(struct description *description)
{
    _cleanup_(freep) char *names = python_list_threads();

    if (!names && process_count_threads() <= 1)
        return;
    begin_item(description);
    if (names)
        fprintf(description->text, "the threads %s", names);
    else
        fputs("threads of a library", description->text);
}

char *fork_safety_describe(const struct fork_safety *before)
{
    char *text = NULL;
    size_t size;
    struct description description = {.before = before, .text = open_memstream(&text, &size)};

    if (!description.text)
        return NULL;
    describe_threads(&description);
    for_each_descriptor(describe_event_loop, &description);
    for_each_descriptor(describe_socket, &description);
    fclose(description.text);
    if (description.any)
        return text;
    free(text);
    return NULL;
}
