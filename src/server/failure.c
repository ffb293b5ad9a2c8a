#include "server/failure.h"

#include "http/response.h"
#include "log/log.h"
#include "net/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For all of them. */
#define EXCUSES_TIME USEC_PER_SEC
/* For one of them to send its request, and to take in the answer. */
#define CLIENT_TIME (100 * USEC_PER_MSEC)
#define PAUSE_MSEC 100

/* Enough to tell HEAD from other methods; the rest of the request does not matter. */
enum { HEAD_SIZE = 16 };

static void answer(struct conn *conn)
{
    char buffer[RESPONSE_PLAIN_SIZE];
    bool is_head = conn->end >= 5 && memcmp(conn->buffer, "HEAD ", 5) == 0;
    size_t size = response_write_plain(500, NULL, is_head, time(NULL), buffer);
    struct iovec part = {buffer, size}, *parts = &part;
    size_t count = 1;

    conn_send(conn, &parts, &count, CLIENT_TIME);
    conn_end_output(conn);
    conn_linger(conn, true, CLIENT_TIME);
}

static void excuse(int fd)
{
    struct conn conn;

    if (conn_init(&conn, fd, HEAD_SIZE) == 0) {
        conn_fill(&conn, deadline_after(CLIENT_TIME));
        answer(&conn);
    }
    conn_done(&conn);
}

/* Those in the room have waited longer; but who says nothing takes up time. */
static int take_waiting(const struct activation *activation, struct waiting_room *room)
{
    int fd = room ? waiting_room_take(room) : -EAGAIN;

    if (fd < 0)
        fd = activation_accept_waiting(activation);
    return fd == -EAGAIN && room ? waiting_room_take_silent(room) : fd;
}

void failure_answer_clients(const struct activation *activation, struct waiting_room *room)
{
    usec_t end = deadline_after(EXCUSES_TIME);
    unsigned excused = 0;

    close(STDIN_FILENO); /* makes room for a connection */
    while (deadline_now() < end) {
        int fd = take_waiting(activation, room);
        if (fd >= 0) {
            excuse(fd);
            excused++;
        } else if (activation_is_exhaustion(fd))
            poll(NULL, 0, PAUSE_MSEC);
        else
            break;
    }
    if (excused > 0)
        log_line(LOG_ERR, "answered 500 to %u waiting client%s", excused, excused == 1 ? "" : "s");
}
