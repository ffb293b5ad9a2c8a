#pragma once

/* Where clients wait with --reload until it is known which code they get.
 *
 * The server accepts them itself, and hands each over to a spare once the client has said
 * something: browsers connect ahead, and send a request on such a connection much later. A spare
 * takes one from the queue of its generation, a pair of sockets of which it has one end. Both ends
 * stay with the server, so that it can take back what no spare has taken.
 *
 * Clients that are in here when the server is stopped are lost: it is for development.
 */

#include "base/deadline.h"
#include "systemd/activation.h"

#include <stdbool.h>
#include <stddef.h>

enum { WAITING_ROOM_SIZE = 128 };

struct waiting_room {
    const struct activation *activation;
    int events;  /* an epoll descriptor, that can be read when waiting_room_poll is to be called */
    bool closed; /* nobody is let in any more */
    bool lacks;  /* the last client could not be let in for lack of descriptors or memory */
    usec_t pause_end; /* because of that, nobody is let in until then; 0: there is no pause */
    bool listens;
    usec_t patience; /* for a client to say something, 0: for ever */
    struct waiting_client {
        int fd;
        usec_t arrived; /* when it had said something, or 0 */
        usec_t deadline;
    } clients[WAITING_ROOM_SIZE];
    size_t n_clients;
};

/* Begins to accept. Returns 0 or -errno. */
int waiting_room_init(
    struct waiting_room *ret, const struct activation *activation, usec_t patience);

/* Turns out whoever is in there, and accepts nobody any more. */
void waiting_room_done(struct waiting_room *room);

/* Lets in whoever is at the door, and hears who says something. Returns 0; or -errno if descriptors
 * or memory lack for that, as they did not the last time: then there is a pause. */
int waiting_room_poll(struct waiting_room *room);

/* Lets nobody in any more: clients that come wait for the next server. */
void waiting_room_close(struct waiting_room *room);

/* Sends away who has said nothing for too long, and ends a pause. *next: see deadline.h. */
void waiting_room_enforce(struct waiting_room *room, usec_t *next);

/* When the first of those arrived that have said something; 0: nobody has. */
usec_t waiting_room_first(const struct waiting_room *room);

/* Takes that one's connection out of the room; or, when there is none, any one's. Both return it,
 * or -EAGAIN. */
int waiting_room_take(struct waiting_room *room);
int waiting_room_take_silent(struct waiting_room *room);

/* ---- queues, for one generation each --------------------------------------------------------- */

struct queue {
    int server; /* one end, or -1 */
    int spares; /* the other one, or -1 */
};

#define QUEUE_NONE ((struct queue){-1, -1})

/* Returns 0 or -errno. */
int queue_init(struct queue *ret);
void queue_done(struct queue *queue);

/* Puts the first of the room into the queue. Returns whether that was possible. */
bool queue_put(const struct queue *queue, struct waiting_room *room);

/* Takes those back that are in it still. */
void queue_take_back(const struct queue *queue, struct waiting_room *room);

/* How many spares have said that they are ready for one, since the last call. */
size_t queue_count_ready(const struct queue *queue);

/* In a spare: says that it is ready; then waits for a connection. `stop` is as in activation.h, and
 * so are the values. */
void queue_say_ready(int spares);
int queue_take(int spares, int stop);
