#include "server/failure.h"

#include "http/response.h"
#include "log/log.h"
#include "net/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For all clients together. */
#define TOTAL_TIME USEC_PER_SEC
/* For one client to send its request; for it to receive the answer; and for it to close. */
#define CLIENT_TIME (100 * USEC_PER_MSEC)
#define PAUSE_MSEC 100

/* Enough to distinguish HEAD from other methods. The rest of the request does not matter. */
enum { HEAD_SIZE = 16 };

static void send_failure(struct conn *conn)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    bool is_head = conn->end >= 5 && memcmp(conn->buffer, "HEAD ", 5) == 0;
    size_t size = response_write_plain(500, NULL, is_head, time(NULL), buffer);
    struct iovec part = {buffer, size}, *parts = &part;
    size_t count = 1;

    conn_send(conn, &parts, &count);
    conn_end_output(conn);
    conn_linger(conn, true);
}

static void answer_client(int fd)
{
    static const struct conn_timeouts timeouts = {.write = CLIENT_TIME, .linger = CLIENT_TIME};
    struct conn conn;

    if (conn_init(&conn, fd, HEAD_SIZE, &timeouts) == 0) {
        conn_fill(&conn, deadline_after(CLIENT_TIME));
        send_failure(&conn);
    }
    conn_done(&conn);
}

/* Clients in the room have waited longest, but each silent one costs CLIENT_TIME. */
static int take_connection(const struct activation *activation, struct waiting_room *room)
{
    int fd = room ? waiting_room_take(room) : -EAGAIN;

    if (fd < 0)
        fd = activation_accept_waiting(activation);
    return fd == -EAGAIN && room ? waiting_room_take_silent(room) : fd;
}

void failure_answer_clients(const struct activation *activation, struct waiting_room *room)
{
    usec_t end = deadline_after(TOTAL_TIME);
    unsigned answered = 0;

    close(STDIN_FILENO); /* frees a descriptor for a connection */
    while (deadline_now() < end) {
        int fd = take_connection(activation, room);
        if (fd >= 0) {
            answer_client(fd);
            answered++;
        } else if (activation_is_exhaustion(fd))
            poll(NULL, 0, PAUSE_MSEC);
        else
            break;
    }
    if (answered > 0)
        log_line(
            LOG_ERR, "answered 500 to %u waiting client%s", answered, answered == 1 ? "" : "s");
}
