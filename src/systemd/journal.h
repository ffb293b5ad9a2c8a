#pragma once

/* Records for systemd's journal, in its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * Not by sd_journal_sendv(3), for two reasons. The journal looks up in /proc which unit a record
 * comes from, when it gets to it; of processes that end right after their record, a fifth had no
 * unit. So there has to be a way to wait, which takes the socket. And an app that closes all
 * descriptors, and opens others, must not get our records sent to those.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { JOURNAL_MAX_FIELDS = 32 };

/* Sends a record of up to JOURNAL_MAX_FIELDS fields, each "NAME=value"; the value is any bytes. If
 * it is to be waited for while the journal has too much to do, then for half a second at most, and
 * not again before it has taken something. Returns 0 or -errno (-EAGAIN: it was not taken). errno
 * is kept. */
int journal_send(const struct iovec *fields, size_t count, bool wait);

/* For a process that was forked: closes what its parent had open. */
void journal_after_fork(void);

/* Waits until the journal has done with what this process has sent, but not for long: for a process
 * that is about to end. */
void journal_flush(void);
