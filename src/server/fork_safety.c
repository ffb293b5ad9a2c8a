#include "server/fork_safety.h"

#include "base/cleanup.h"
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

/* Calls `visit` with each descriptor but the standard streams. */
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

static void remember(int fd, void *data)
{
    struct sockets *list = data;
    ino_t inode;

    if (!is_socket(fd, &inode))
        return;
    struct socket *sockets = realloc(list->sockets, (list->count + 1) * sizeof(*sockets));
    if (!sockets)
        return;
    sockets[list->count++] = (struct socket){.fd = fd, .inode = inode};
    list->sockets = sockets;
}

void sockets_init(struct sockets *sockets)
{
    *sockets = (struct sockets){0};
    for_each_descriptor(remember, sockets);
}

bool sockets_are_open(const struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        ino_t inode;
        if (!is_socket(sockets->sockets[i].fd, &inode) || inode != sockets->sockets[i].inode)
            return false;
    }
    return true;
}

void sockets_done(struct sockets *sockets)
{
    free(sockets->sockets);
    *sockets = (struct sockets){0};
}

/* ---- words ---------------------------------------------------------------------------------- */

struct description {
    const struct sockets *before;
    FILE *words;
    bool any;
    bool event_loop;
};

static void begin_words(struct description *description)
{
    if (description->any)
        fputs(", ", description->words);
    description->any = true;
}

/* That epoll(7) is an event loop's is a guess, but nobody else keeps one. Forked processes share
 * it: what one of them adds, all of them get. */
static void describe_event_loop(int fd, void *data)
{
    struct description *description = data;
    char path[64], target[64] = "";

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof(target) - 1) < 0 ||
        strcmp(target, "anon_inode:[eventpoll]") != 0)
        return;
    begin_words(description);
    fprintf(description->words, "an event loop (descriptor %d)", fd);
    description->event_loop = true;
}

static void say_peer(FILE *words, int fd, const struct sockaddr_un *peer)
{
    struct address address;

    address_of_peer(fd, &address);
    if (address.host[0])
        fprintf(words, " to %s port %s", address.host, address.port);
    else if (peer->sun_family == AF_UNIX && peer->sun_path[0])
        fprintf(words, " to %s", peer->sun_path);
}

static bool was_there(const struct sockets *before, ino_t inode)
{
    for (size_t i = 0; i < before->count; i++)
        if (before->sockets[i].inode == inode)
            return true;
    return false;
}

/* On a datagram socket (syslog, statsd), what several processes send does not mix. */
static bool is_datagram(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

/* A pair that this process made, such as the one by which an event loop wakes itself up. */
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

    if (!is_socket(fd, &inode) || was_there(description->before, inode) || is_datagram(fd) ||
        getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
        (description->event_loop && is_own_pair(fd)))
        return;
    begin_words(description);
    fputs("a connection", description->words);
    say_peer(description->words, fd, &peer);
    fprintf(description->words, " (descriptor %d)", fd);
}

static size_t count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;

    while (directory && (entry = readdir(directory)))
        count += entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

/* Waits a little for those that have nothing more to do: a thread that was joined has ended for
 * Python, but the kernel may not have seen its end yet. */
static size_t count_lasting_threads(void)
{
    size_t count = count_threads();

    for (int i = 0; i < 50 && count > 1; i++) {
        poll(NULL, 0, 2);
        count = count_threads();
    }
    return count;
}

static void describe_threads(struct description *description)
{
    _cleanup_(freep) char *names = python_list_threads();

    if (!names && count_lasting_threads() <= 1)
        return;
    begin_words(description);
    if (names)
        fprintf(description->words, "the threads %s", names);
    else
        fputs("threads of a library", description->words);
}

char *fork_safety_describe(const struct sockets *before)
{
    char *text = NULL;
    size_t size;
    struct description description = {.before = before, .words = open_memstream(&text, &size)};

    if (!description.words)
        return NULL;
    describe_threads(&description);
    for_each_descriptor(describe_event_loop, &description);
    for_each_descriptor(describe_socket, &description);
    fclose(description.words);
    if (description.any)
        return text;
    free(text);
    return NULL;
}
