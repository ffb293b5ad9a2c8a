#pragma once

/* What the supervisor does about a system call of the child: it finds out which path the call
 * names, and records it. See watch.h. */

#include "image/recorder.h"

struct seccomp_notif;

/* Records the call of a process that waits for the answer. Failures show up in the recorder. */
void notice_record(struct recorder *recorder, const struct seccomp_notif *notice);
