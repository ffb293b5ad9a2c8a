#include "server/leftovers.h"

#include "cleanup.h"
#include "net/address.h"
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

struct socket {
    int fd;
    ino_t inode;
};

/* ---- sockets -------------------------------------------------------------------------------- */

static bool is_socket(int fd, ino_t *ret_inode)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    *ret_inode = status.st_ino;
    return true;
}

/* Calls `visit` with each descriptor that is a socket. */
static void for_each_socket(void (*visit)(int fd, ino_t inode, void *data), void *data)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    ino_t inode;

    while (directory && (entry = readdir(directory))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > STDERR_FILENO && is_socket(fd, &inode))
            visit(fd, inode, data);
    }
    if (directory)
        closedir(directory);
}

static void remember(int fd, ino_t inode, void *data)
{
    struct sockets *list = data;
    struct socket *sockets = realloc(list->sockets, (list->count + 1) * sizeof(*sockets));

    if (!sockets)
        return;
    sockets[list->count++] = (struct socket){.fd = fd, .inode = inode};
    list->sockets = sockets;
}

void sockets_init(struct sockets *sockets)
{
    *sockets = (struct sockets){0};
    for_each_socket(remember, sockets);
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
};

static void say_peer(FILE *words, int fd, const struct sockaddr_un *peer)
{
    struct address address;

    address_of_peer(fd, &address);
    if (address.host[0])
        fprintf(words, " to %s port %s", address.host, address.port);
    else if (peer->sun_family == AF_UNIX && peer->sun_path[0])
        fprintf(words, " to %s", peer->sun_path);
}

static void describe_socket(int fd, ino_t inode, void *data)
{
    struct description *description = data;
    struct sockaddr_un peer = {0};
    socklen_t size = sizeof(peer) - 1;

    for (size_t i = 0; i < description->before->count; i++)
        if (description->before->sockets[i].inode == inode)
            return;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
        return;
    fprintf(description->words, "%sa connection", description->any ? ", " : "");
    say_peer(description->words, fd, &peer);
    fprintf(description->words, " (descriptor %d)", fd);
    description->any = true;
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

    description->any = true;
    if (names)
        fprintf(description->words, "the threads %s", names);
    else if (count_lasting_threads() > 1)
        fprintf(description->words, "threads of a library");
    else
        description->any = false;
}

char *leftovers_describe(const struct sockets *before)
{
    char *text = NULL;
    size_t size;
    struct description description = {.before = before, .words = open_memstream(&text, &size)};

    if (!description.words)
        return NULL;
    describe_threads(&description);
    for_each_socket(describe_socket, &description);
    fclose(description.words);
    if (description.any)
        return text;
    free(text);
    return NULL;
}
