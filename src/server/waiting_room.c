#include "server/waiting_room.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long nothing is accepted when descriptors or memory are used up. */
#define PAUSE (100 * USEC_PER_MSEC)

/* ---- listeners ------------------------------------------------------------------------------ */

static int control_listeners(const struct waiting_room *room, int operation)
{
    const struct activation *activation = room->activation;

    for (size_t i = 0; i < activation->n_listeners; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = activation->listeners[i]};
        if (epoll_ctl(room->events, operation, activation->listeners[i], &event) < 0)
            return -errno;
    }
    return 0;
}

/* Nothing is accepted while the room is full. */
static void update_listeners(struct waiting_room *room)
{
    bool accept = !room->closed && room->pause_end == 0 && room->n_clients < WAITING_ROOM_SIZE;

    if (accept != room->is_accepting)
        control_listeners(room, accept ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
    room->is_accepting = accept;
}

void waiting_room_stop_accepting(struct waiting_room *room)
{
    room->closed = true;
    update_listeners(room);
}

int waiting_room_init(struct waiting_room *ret, const struct activation *activation, usec_t timeout)
{
    *ret =
        (struct waiting_room){.activation = activation, .timeout = timeout, .is_accepting = true};
    ret->events = epoll_create1(EPOLL_CLOEXEC);
    if (ret->events < 0)
        return -errno;
    return control_listeners(ret, EPOLL_CTL_ADD);
}

void waiting_room_done(struct waiting_room *room)
{
    for (size_t i = 0; i < room->n_clients; i++)
        close(room->clients[i].fd);
    room->n_clients = 0;
    if (room->events >= 0)
        close(room->events);
    room->events = -1;
}

/* ---- clients --------------------------------------------------------------------------------- */

static void add_client(struct waiting_room *room, int fd, usec_t arrived)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};

    if (room->n_clients == WAITING_ROOM_SIZE ||
        (arrived == 0 && epoll_ctl(room->events, EPOLL_CTL_ADD, fd, &event) < 0)) {
        close(fd);
        return;
    }
    room->clients[room->n_clients++] = (struct waiting_client){
        .fd = fd,
        .arrived = arrived,
        .deadline = arrived ? DEADLINE_NEVER : deadline_after(room->timeout),
    };
}

/* Removes the client and returns its connection. */
static int remove_client(struct waiting_room *room, struct waiting_client *client)
{
    int fd = client->fd;

    if (client->arrived == 0)
        epoll_ctl(room->events, EPOLL_CTL_DEL, fd, NULL);
    *client = room->clients[--room->n_clients];
    update_listeners(room);
    return fd;
}

static void close_client(struct waiting_room *room, struct waiting_client *client)
{
    close(remove_client(room, client));
}

static bool is_listener(const struct waiting_room *room, int fd)
{
    for (size_t i = 0; i < room->activation->n_listeners; i++)
        if (room->activation->listeners[i] == fd)
            return true;
    return false;
}

/* Returns what waiting_room_poll does. */
static int accept_clients(struct waiting_room *room, int listener)
{
    struct pollfd pending = {.fd = listener, .events = POLLIN};
    bool was_exhausted = room->is_exhausted;
    int error = 0;

    while (error == 0 && room->n_clients < WAITING_ROOM_SIZE && poll(&pending, 1, 0) > 0) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            add_client(room, fd, 0);
        else
            error = errno;
    }
    room->is_exhausted = activation_is_exhaustion(-error);
    if (room->is_exhausted)
        room->pause_end = deadline_after(PAUSE);
    update_listeners(room);
    return room->is_exhausted && !was_exhausted ? -error : 0;
}

static void mark_arrived(struct waiting_room *room, int fd)
{
    epoll_ctl(room->events, EPOLL_CTL_DEL, fd, NULL);
    for (size_t i = 0; i < room->n_clients; i++)
        if (room->clients[i].fd == fd) {
            room->clients[i].arrived = deadline_now();
            room->clients[i].deadline = DEADLINE_NEVER;
        }
}

int waiting_room_poll(struct waiting_room *room)
{
    struct epoll_event events[32];
    int n = epoll_wait(room->events, events, 32, 0), result = 0;

    for (int i = 0; i < n; i++)
        if (!is_listener(room, events[i].data.fd)) {
            mark_arrived(room, events[i].data.fd);
        } else {
            int r = accept_clients(room, events[i].data.fd);
            result = r < 0 ? r : result;
        }
    return result;
}

void waiting_room_enforce_deadlines(struct waiting_room *room, usec_t *next)
{
    for (size_t i = room->n_clients; i > 0; i--)
        if (deadline_is_due(room->clients[i - 1].deadline, next))
            close_client(room, &room->clients[i - 1]);
    if (room->pause_end == 0 || !deadline_is_due(room->pause_end, next))
        return;
    room->pause_end = 0;
    update_listeners(room);
}

static struct waiting_client *find_first(struct waiting_room *room)
{
    struct waiting_client *first = NULL;

    for (size_t i = 0; i < room->n_clients; i++)
        if (room->clients[i].arrived && (!first || room->clients[i].arrived < first->arrived))
            first = &room->clients[i];
    return first;
}

usec_t waiting_room_first_arrival(const struct waiting_room *room)
{
    const struct waiting_client *first = find_first((struct waiting_room *)room);

    return first ? first->arrived : 0;
}

int waiting_room_take(struct waiting_room *room)
{
    (void)waiting_room_poll(room); /* a client may just have sent something */
    struct waiting_client *first = find_first(room);

    return first ? remove_client(room, first) : -EAGAIN;
}

int waiting_room_take_silent(struct waiting_room *room)
{
    return room->n_clients > 0 ? remove_client(room, &room->clients[0]) : -EAGAIN;
}

/* ---- queues --------------------------------------------------------------------------------- */

int queue_init(struct queue *ret)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    *ret = (struct queue){.server = pair[0], .spares = pair[1]};
    return 0;
}

void queue_done(struct queue *queue)
{
    if (queue->server >= 0)
        close(queue->server);
    if (queue->spares >= 0)
        close(queue->spares);
    *queue = QUEUE_NONE;
}

/* A message consists of the time when the client arrived, and of its connection. */
union control {
    struct cmsghdr header;
    char buffer[CMSG_SPACE(sizeof(int))];
};

static bool send_client(int queue, struct waiting_client *client)
{
    union control control = {0};
    struct iovec part = {&client->arrived, sizeof(client->arrived)};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.buffer,
        .msg_controllen = sizeof(control.buffer),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &client->fd, sizeof(int));
    return sendmsg(queue, &message, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/* Returns the connection, -EAGAIN when there is none, -ECANCELED when the server has closed the
 * queue, or another -errno. */
static int receive_client(int queue, usec_t *ret_arrived)
{
    union control control = {0};
    struct iovec part = {ret_arrived, sizeof(*ret_arrived)};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.buffer,
        .msg_controllen = sizeof(control.buffer),
    };
    int fd;

    ssize_t n = recvmsg(queue, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    /* The server has closed its end: a reset, if it had not read the reports of all spares. */
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return -ECANCELED;
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return -EMFILE; /* the kernel had no free descriptor for it */
    memcpy(&fd, CMSG_DATA(header), sizeof(int));
    return fd;
}

bool queue_put(const struct queue *queue, struct waiting_room *room)
{
    struct waiting_client *first = find_first(room);

    if (!first || !send_client(queue->server, first))
        return false;
    close_client(room, first);
    return true;
}

void queue_take_back(const struct queue *queue, struct waiting_room *room)
{
    usec_t arrived;
    int fd;

    while (queue->spares >= 0 && (fd = receive_client(queue->spares, &arrived)) >= 0)
        add_client(room, fd, arrived);
}

size_t queue_count_ready(const struct queue *queue)
{
    size_t count = 0;
    char letter;

    while (recv(queue->server, &letter, 1, MSG_DONTWAIT) == 1)
        count++;
    return count;
}

void queue_report_ready(int spares)
{
    (void)send(spares, "r", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int queue_take(int spares, int stop)
{
    struct pollfd fds[] = {{.fd = spares, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
    usec_t arrived;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -errno;
        int fd = receive_client(spares, &arrived);
        if (fd != -EAGAIN)
            return fd;
        if (fds[1].revents)
            return -ECANCELED;
    }
}
