#include "systemd/journal.h"

#include "base/deadline.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* How long to wait for the journal to take a record, and for it to have received all records. A
 * record that it receives after the end of the process has no unit, so that journalctl --unit does
 * not find it. */
#define SEND_TIMEOUT (250 * USEC_PER_MSEC)
#define FLUSH_TIMEOUT (250 * USEC_PER_MSEC)

/* The socket. It stays open until journal_flush(), which waits for the records sent through it. */
static struct {
    int fd;
    ino_t inode;   /* detects that the app has closed fd and the number is another file now */
    pid_t owner;   /* the process that opened it, not a child of that; 0: there is no socket */
    bool is_stuck; /* the journal took nothing until the last timeout */
} journal;

/* ---- the stream ----------------------------------------------------------------------------- */

enum { STREAM_SIZE = 64 };

/* Writes the value that JOURNAL_STREAM has for the descriptor. Returns whether it is open. */
static bool format_stream(int fd, char stream[STREAM_SIZE])
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    snprintf(stream, STREAM_SIZE, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return true;
}

bool journal_is_stream(int fd)
{
    const char *named = getenv("JOURNAL_STREAM");
    char stream[STREAM_SIZE];

    return named && format_stream(fd, stream) && strcmp(named, stream) == 0;
}

void journal_set_stream(int fd)
{
    char stream[STREAM_SIZE];

    if (format_stream(fd, stream))
        setenv("JOURNAL_STREAM", stream, 1);
}

/* ---- the socket ----------------------------------------------------------------------------- */

static bool owns_descriptor(void)
{
    struct stat status;

    return journal.owner != 0 && fstat(journal.fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
        status.st_ino == journal.inode;
}

static bool socket_is_open(void)
{
    return journal.owner == getpid() && owns_descriptor();
}

static void set_timeout(usec_t timeout)
{
    struct timeval time = {
        .tv_sec = (time_t)(timeout / USEC_PER_SEC),
        .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC),
    };

    setsockopt(journal.fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

static int open_socket(void)
{
    struct stat status;

    if (socket_is_open())
        return 0;
    journal.owner = 0; /* a parent's socket, or one that the app has closed, stays as it is */
    journal.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal.fd < 0)
        return -errno;
    set_timeout(SEND_TIMEOUT);
    if (fstat(journal.fd, &status) < 0)
        return -errno;
    journal.inode = status.st_ino;
    journal.owner = getpid();
    return 0;
}

void journal_after_fork(void)
{
    if (owns_descriptor())
        close(journal.fd);
    journal.owner = 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* The parts of a datagram: at most five for each field. */
struct datagram {
    struct iovec parts[5 * JOURNAL_MAX_FIELDS];
    size_t count;
    uint64_t sizes[JOURNAL_MAX_FIELDS];
};

static void datagram_add(struct datagram *datagram, const void *data, size_t size)
{
    datagram->parts[datagram->count++] = (struct iovec){(void *)data, size}; /* it is only read */
}

/* Adds "NAME=value\n". A value with a newline is written as "NAME\n", its size in 64 bits, the
 * value and "\n". */
static void datagram_add_field(struct datagram *datagram, const struct iovec *field, uint64_t *size)
{
    const char *data = field->iov_base, *value = memchr(data, '=', field->iov_len);

    if (!value || !memchr(data, '\n', field->iov_len)) {
        datagram_add(datagram, data, field->iov_len);
        datagram_add(datagram, "\n", 1);
        return;
    }
    value++;
    *size = htole64(field->iov_len - (size_t)(value - data));
    datagram_add(datagram, data, (size_t)(value - data) - 1);
    datagram_add(datagram, "\n", 1);
    datagram_add(datagram, size, sizeof(*size));
    datagram_add(datagram, value, field->iov_len - (size_t)(value - data));
    datagram_add(datagram, "\n", 1);
}

/* Does not wait again for a journal that is stuck: a server that waited with each record would do
 * little else. A signal restarts the wait, within a total limit. */
static int send_datagram(struct datagram *datagram, bool wait)
{
    bool may_wait = wait && !journal.is_stuck;
    int flags = MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = sizeof(address),
        .msg_iov = datagram->parts,
        .msg_iovlen = datagram->count,
    };

    usec_t deadline = deadline_after(SEND_TIMEOUT);
    ssize_t n;

    do
        n = sendmsg(journal.fd, &message, flags);
    while (n < 0 && errno == EINTR && deadline_now() < deadline);
    if (may_wait || n >= 0)
        journal.is_stuck = n < 0 && (errno == EAGAIN || errno == EINTR);
    return n < 0 ? -errno : 0;
}

int journal_send(const struct iovec *fields, size_t count, bool wait)
{
    struct datagram datagram = {0};
    int saved_errno = errno;

    if (count > JOURNAL_MAX_FIELDS)
        return -E2BIG;
    int r = open_socket();
    if (r == 0) {
        for (size_t i = 0; i < count; i++)
            datagram_add_field(&datagram, &fields[i], &datagram.sizes[i]);
        r = send_datagram(&datagram, wait);
    }
    errno = saved_errno;
    return r;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* The journal ignores empty datagrams. When it has received the first one, it has processed all
 * records before it. It takes two, see wait_for_receipt(). */
enum { BARRIERS = 2 };

/* poll(2) reports a datagram socket as writable while the data that the other side has not received
 * yet takes up at most a quarter of the send buffer. With the smallest possible buffer, that is the
 * case when at most one barrier is left, that is, when the journal has received the first one. */
static void wait_for_receipt(void)
{
    const int smallest = 0;
    struct datagram empty = {0};

    set_timeout(FLUSH_TIMEOUT);
    for (int i = 0; i < BARRIERS && send_datagram(&empty, true) == 0; i++)
        ;
    struct pollfd poll_fd = {.fd = journal.fd, .events = POLLOUT};
    setsockopt(journal.fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
    poll(&poll_fd, 1, FLUSH_TIMEOUT / USEC_PER_MSEC);
}

void journal_flush(void)
{
    if (!socket_is_open())
        return;
    if (!journal.is_stuck)
        wait_for_receipt();
    close(journal.fd);
    journal.owner = 0;
}
