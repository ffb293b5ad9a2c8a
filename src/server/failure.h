#pragma once

/* The last resort: answers clients when the program cannot serve them because it lacks descriptors,
 * memory or processes. It needs hardly any of these itself.
 *
 * Pending connections must be accepted: otherwise systemd starts the program again immediately,
 * without end.
 */

#include "server/waiting_room.h"
#include "systemd/activation.h"

/* Answers 500, for about a second in total, to these clients in this order: those in the room (may
 * be NULL) that have sent something, those that are pending at the listeners, and all others in the
 * room. If even accepting fails for lack of descriptors or memory, it tries again until the second
 * has passed. Closes standard input. To be called when the process is about to exit. */
void failure_answer_clients(const struct activation *activation, struct waiting_room *room);
