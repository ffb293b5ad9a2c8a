#pragma once

/* The last resort: answers for a program that cannot serve at all, because it lacks descriptors,
 * memory or processes. It needs next to nothing of them.
 *
 * A client that nobody takes away makes systemd start the program again at once, and on and on.
 */

#include "server/waiting_room.h"
#include "systemd/activation.h"

/* Answers 500 to all who have said something in the room (NULL: there is none), to all who wait at
 * the listeners, and then to the others in the room, for about a second at most. When not even that
 * is possible, it returns no sooner than after a second. Closes standard input. For a process that
 * is about to end. */
void failure_answer_clients(const struct activation *activation, struct waiting_room *room);
