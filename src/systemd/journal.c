#include "systemd/journal.h"

#include "base/deadline.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* How long to wait for a journal that is stuck: to take a record, and to have received it. */
#define SEND_TIMEOUT (250 * USEC_PER_MSEC)
#define SETTLE_TIMEOUT (50 * USEC_PER_MSEC)

/* The socket, as long as this process has records under way. The inode tells whether it is still
 * ours, the process whether it is not its parent's. */
static struct {
    int fd;
    ino_t inode;
    pid_t owner;   /* 0: there is no socket */
    bool is_stuck; /* the journal has taken nothing in all the time that it was given */
} journal;

/* ---- the socket ----------------------------------------------------------------------------- */

static bool is_still_there(void)
{
    struct stat status;

    return journal.owner != 0 && fstat(journal.fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
        status.st_ino == journal.inode;
}

static bool is_open(void)
{
    return journal.owner == getpid() && is_still_there();
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

    if (is_open())
        return 0;
    journal.owner = 0; /* one that is a parent's, or not there any more, is nobody's to close */
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
    if (is_still_there())
        close(journal.fd);
    journal.owner = 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* The parts of a datagram, five for each field at most. */
struct datagram {
    struct iovec parts[5 * JOURNAL_MAX_FIELDS];
    size_t count;
    uint64_t sizes[JOURNAL_MAX_FIELDS];
};

static void add(struct datagram *datagram, const void *data, size_t size)
{
    datagram->parts[datagram->count++] = (struct iovec){(void *)data, size}; /* it is not written */
}

/* "NAME=value\n", or, because a newline would end the value, "NAME\n", its size and itself. */
static void add_field(struct datagram *datagram, const struct iovec *field, uint64_t *size)
{
    const char *data = field->iov_base, *value = memchr(data, '=', field->iov_len);

    if (!value || !memchr(data, '\n', field->iov_len)) {
        add(datagram, data, field->iov_len);
        add(datagram, "\n", 1);
        return;
    }
    value++;
    *size = htole64(field->iov_len - (size_t)(value - data));
    add(datagram, data, (size_t)(value - data) - 1);
    add(datagram, "\n", 1);
    add(datagram, size, sizeof(*size));
    add(datagram, value, field->iov_len - (size_t)(value - data));
    add(datagram, "\n", 1);
}

/* A journal that is stuck is waited for once: a server that did so for each of its records would
 * not get round to anything else. A signal makes the wait begin anew, but not without end. */
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
            add_field(&datagram, &fields[i], &datagram.sizes[i]);
        r = send_datagram(&datagram, wait);
    }
    errno = saved_errno;
    return r;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Empty datagrams, which the journal ignores: when it has received the first of them, it has done
 * with all that was before. One would be too few for poll(2) to tell, see below. */
enum { BARRIERS = 2 };

/* A datagram socket can be written to when a quarter of its buffer is free, and what was not
 * received yet counts. So with the smallest buffer there is, it can when no more than one of the
 * barriers is left. */
static void wait_for_receipt(void)
{
    const int smallest = 0;
    struct datagram empty = {0};

    set_timeout(SETTLE_TIMEOUT);
    for (int i = 0; i < BARRIERS && send_datagram(&empty, true) == 0; i++)
        ;
    struct pollfd poll_fd = {.fd = journal.fd, .events = POLLOUT};
    setsockopt(journal.fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
    poll(&poll_fd, 1, SETTLE_TIMEOUT / USEC_PER_MSEC);
}

void journal_flush(void)
{
    if (!is_open())
        return;
    if (!journal.is_stuck)
        wait_for_receipt();
    close(journal.fd);
    journal.owner = 0;
}
