#pragma once

/* Messages to the admin, one line each, on standard error (under systemd: the journal). */

/* Writes "wsgi-once: " and the message as one line, with one write(2) so that lines of several
 * processes do not mix. Control characters become question marks, lines over 4 KiB are cut. errno
 * is kept. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
