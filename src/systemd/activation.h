#pragma once

/* The sockets that systemd or inetd passes: one connection, or listening sockets.
 *
 * Which of the two follows from the descriptors alone (sd_listen_fds(3), or standard input), never
 * from an option. The program does not bind, listen, unlink or change modes: systemd owns the
 * sockets.
 */

#include "base/deadline.h"

#include <stdbool.h>
#include <stddef.h>

struct problem;

struct activation {
    int connection; /* the accepted connection, or -1 */
    int *listeners; /* on the heap; `n_listeners` of them, 0 when there is a connection */
    size_t n_listeners;
};

/* Takes the sockets and removes LISTEN_* from the environment, which the app's subprocesses must
 * not see. Also makes sure that no standard stream is one of the sockets: standard input becomes
 * /dev/null; output goes to standard output or error, whichever is not a socket, or else to the
 * journal.
 *
 * Returns 0, or an exit status of sysexits(3) with *ret_problem: EX_NOINPUT if there is no socket,
 * EX_CONFIG if the unit passes wrong ones, EX_OSERR. *ret_activation is set in any case. On failure
 * it has no connection, and those listeners whose clients can get an answer; what waited at
 * wrong sockets that were passed is discarded. Call activation_done in any case. */
int activation_take(struct activation *ret_activation, struct problem *ret_problem);

/* Frees the list of listeners. The sockets stay open. */
void activation_done(struct activation *activation);

/* Closes the listeners, in a process that has its connection and must not accept others. */
void activation_close(const struct activation *activation);

/* Whether a connection waits at any of the listeners. */
bool activation_has_client(const struct activation *activation);

/* Accepts a connection that waits at any of the listeners. Does not block. Returns the connection,
 * -EAGAIN if none waits, or another -errno. */
int activation_accept_waiting(const struct activation *activation);

/* Whether accepting failed because descriptors or memory are exhausted, which may be temporary. */
bool activation_is_exhaustion(int error);

/* Waits for a connection at any of the listeners. Of several processes that wait, each connection
 * wakes one. If connections wait at several listeners, the search begins at listener number `first`
 * modulo their count; a caller that passes the next number in each process makes sure that all
 * listeners get their turn. `stop` is a descriptor that ends the wait when it becomes readable or
 * its other end is closed, or -1; a connection that already waits is still accepted first. Returns
 * the connection, -ETIMEDOUT, -ECANCELED if stopped, or another -errno. */
int activation_accept(const struct activation *activation, size_t first, int stop, usec_t deadline);
