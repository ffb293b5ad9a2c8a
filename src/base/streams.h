#pragma once

/* Standard input, output and error, and the terminal. */

#include <stdbool.h>
#include <termios.h>

/* Opens /dev/null in place of each standard stream that is closed. Otherwise the next descriptor
 * that is opened would take its number, and output for the stream would go there. */
void streams_open(void);

/* Makes sure that a read from standard input returns at once, or waits at a terminal where a person
 * can answer. Regular files, and a terminal whose foreground process group contains this process,
 * stay as they are. Anything else that a reader could wait for (a pipe, a socket, another terminal)
 * is replaced by /dev/null. */
void streams_secure_input(void);

/* Whether nothing of this is needed: all streams are open, none is the connection, input cannot
 * block a reader, and there is no controlling terminal. */
bool streams_are_ready(int connection);

/* As in a service: output goes to standard error, and there is no input. */
void streams_redirect(void);

/* Gives up the controlling terminal, so that this process and its children are not part of a
 * shell's job any more. A job is stopped when it reads from the terminal in the background, and
 * each worker is a process group of its own. Open descriptors stay open, and Ctrl-C still reaches
 * the foreground process group. Does nothing for a session leader: the kernel would send SIGHUP to
 * the foreground process group. */
void streams_detach_terminal(void);

/* The settings of the terminal that is standard input, if it is one. A debugger that is killed at
 * its prompt leaves the terminal without echo. */
struct terminal {
    bool is_one; /* standard input is a terminal */
    struct termios modes;
};

/* Saves the settings. Cannot fail: without a terminal, terminal_restore does nothing. */
void terminal_remember(struct terminal *ret);
void terminal_restore(const struct terminal *terminal);
