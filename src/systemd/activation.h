#pragma once

/* What systemd or inetd handed over: one connection, or listening sockets.
 *
 * Found out from the descriptors alone (sd_listen_fds(3), or standard input), never from an option.
 * This program neither binds, listens, unlinks nor changes modes: the socket stays systemd's.
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

/* Takes the sockets and clears LISTEN_*, which the app's subprocesses must not see. Afterwards no
 * standard stream is one of the sockets: standard input reads nothing then, and what is printed
 * goes to whichever of standard output and error is something else, or to the journal.
 *
 * Returns 0, or the exit status of sysexits(3) with *ret_problem: EX_NOINPUT
 * when there is no socket, EX_CONFIG when the unit hands over the wrong ones, EX_OSERR. Also then
 * *ret_activation is set: to no connection, and to the listeners whose clients can be told; what
 * waited at other sockets is gone. To be followed by activation_done in any case. */
int activation_take(struct activation *ret_activation, struct problem *ret_problem);

/* Frees the list of listeners; the sockets stay open. */
void activation_done(struct activation *activation);

/* Closes the listeners, for a process that has its connection and shall not touch those of others.
 */
void activation_close(const struct activation *activation);

/* Whether a connection waits on any of the listeners. */
bool activation_has_client(const struct activation *activation);

/* Takes a connection that waits on any of the listeners. Returns it, -EAGAIN when none does, or
 * another -errno. */
int activation_accept_waiting(const struct activation *activation);

/* Whether accepting failed because descriptors or memory are used up, which may pass. */
bool activation_is_exhaustion(int error);

/* Waits for a connection on any of the listeners; of many processes that do, one is woken for each.
 * When several listeners have one, the first of them from number `first` on is served (it may be
 * any number, and they go round): who gives each process the next number lets no listener starve.
 * `stop` is a descriptor that ends the wait once it can be read or has ended, or -1. A connection
 * that waits is taken before that counts. Returns the connection, -ETIMEDOUT, -ECANCELED when
 * stopped, or another -errno. */
int activation_accept(const struct activation *activation, size_t first, int stop, usec_t deadline);
