#pragma once

/* With --reload, holds connections until it is known which code will serve them.
 *
 * The server accepts the connections itself, and hands each one over to a spare once its client has
 * sent something: browsers open connections in advance, and send a request on them much later. A
 * spare takes a connection from the queue of its template. The queue is a pair of sockets, of which
 * the spare has one end. The server keeps both ends, so that it can take back the connections that
 * no spare has taken.
 *
 * When the server is stopped, the connections in here are closed: --reload is for development.
 */

#include "base/deadline.h"
#include "systemd/activation.h"

#include <stdbool.h>
#include <stddef.h>

enum { WAITING_ROOM_SIZE = 128 };

struct waiting_room {
    const struct activation *activation; /* borrowed */
    int events;        /* an epoll descriptor; when it is readable, waiting_room_poll must run */
    bool closed;       /* nothing is accepted any more */
    bool is_exhausted; /* the last accept failed because descriptors or memory are used up */
    usec_t pause_end;  /* for that reason nothing is accepted until then; 0: no pause */
    bool is_accepting; /* the listeners are in the epoll set */
    usec_t timeout;    /* for a client to send something; 0: none */
    struct waiting_client {
        int fd;
        usec_t arrived; /* when the client was found to have sent something, or 0 */
        usec_t deadline;
    } clients[WAITING_ROOM_SIZE];
    size_t n_clients;
};

/* Starts to accept. `timeout` is how long a client may send nothing, 0: without limit. Returns 0 or
 * -errno; waiting_room_done must follow in both cases. */
int waiting_room_init(
    struct waiting_room *ret, const struct activation *activation, usec_t timeout);

/* Closes all connections, and accepts no more. May be called again. */
void waiting_room_done(struct waiting_room *room);

/* Accepts the connections that are pending, and notes which clients have sent something. Does not
 * block. Returns 0; or -errno if descriptors or memory are used up, and were not the last time.
 * Nothing is accepted for a moment then. */
int waiting_room_poll(struct waiting_room *room);

/* Accepts no more: later clients wait for the next server. */
void waiting_room_stop_accepting(struct waiting_room *room);

/* Closes connections whose client has sent nothing for too long, and ends a pause. *next: see
 * deadline.h. */
void waiting_room_enforce_deadlines(struct waiting_room *room, usec_t *next);

/* When the first client arrived that has sent something; 0: no client has. */
usec_t waiting_room_first_arrival(const struct waiting_room *room);

/* Removes the connection of that client from the room; waiting_room_take_silent that of any client.
 * Both return it, for the caller to close, or -EAGAIN when there is none. */
int waiting_room_take(struct waiting_room *room);
int waiting_room_take_silent(struct waiting_room *room);

/* ---- queues, one for each template ----------------------------------------------------------- */

struct queue {
    int server; /* one end, or -1 */
    int spares; /* the other one, or -1 */
};

#define QUEUE_NONE ((struct queue){-1, -1})

/* Returns 0 or -errno. */
int queue_init(struct queue *ret);
void queue_done(struct queue *queue);

/* Moves the first client that has sent something from the room to the queue. Returns whether that
 * was possible. */
bool queue_put(const struct queue *queue, struct waiting_room *room);

/* Moves the connections that are still in the queue back to the room. */
void queue_take_back(const struct queue *queue, struct waiting_room *room);

/* How many spares have reported that they are ready, since the last call. */
size_t queue_count_ready(const struct queue *queue);

/* In a spare: reports that it is ready for a connection; then waits for one. `stop` and the return
 * value are those of activation_accept. */
void queue_report_ready(int spares);
int queue_take(int spares, int stop);
