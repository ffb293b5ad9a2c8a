#pragma once

/* Records for systemd's journal, in its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * Why not sd_journal_sendv(3): journald looks up in /proc which unit a record comes from, but only
 * when it processes the record. Of the processes that exited right after their record, a fifth were
 * recorded without a unit. So a process must be able to wait before it exits, and that needs access
 * to the socket. Besides, an app may close all descriptors and open others; records must not be
 * sent to one of those.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { JOURNAL_MAX_FIELDS = 32 };

/* Whether the descriptor is the stream to the journal that JOURNAL_STREAM names by its device and
 * inode (systemd.exec(5)). */
bool journal_is_stream(int fd);

/* Sets JOURNAL_STREAM to the descriptor, as systemd does for a stream that it has connected to the
 * journal. */
void journal_set_stream(int fd);

/* Sends a record of at most JOURNAL_MAX_FIELDS fields. Each field is "NAME=value"; the value may
 * hold any bytes. With `wait`, waits up to half a second while the journal is busy; after that has
 * failed once, does not wait again until the journal has taken a record. Returns 0 or -errno
 * (-EAGAIN: the journal did not take it). Preserves errno. */
int journal_send(const struct iovec *fields, size_t count, bool wait);

/* Closes the socket that a forked process has inherited. Call it in the child. */
void journal_after_fork(void);

/* Waits, for a short time only, until the journal has processed what this process has sent. Call it
 * before the process exits. */
void journal_flush(void);
