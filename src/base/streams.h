#pragma once

/* Standard input, output and error. */

#include <stdbool.h>
#include <termios.h>

/* Opens those that are closed: the next open(2) would take their place, and then be printed to. */
void streams_open(void);

/* Sees to it that whoever reads standard input, or the terminal, gets an answer at once, or a
 * prompt that somebody sees. Standard input stays what it is if it is a file, or the terminal in
 * whose foreground this process is; anything else that a reader could wait for, for ever, becomes
 * /dev/null. */
void streams_secure_input(void);

/* Gives up the controlling terminal: this process, and those that it forks, are no job of a shell
 * any more. Such a job is stopped when it reads from the terminal in the background, and each
 * worker is a process group of its own. What is open stays open, and Ctrl-C still reaches the
 * process group in the foreground. A session leader keeps its terminal. */
void streams_detach_terminal(void);

/* How the terminal that is standard input behaves, if it is one: a debugger that is killed at its
 * prompt leaves it without echo. */
struct terminal {
    bool is_one;
    struct termios modes;
};

void terminal_remember(struct terminal *ret);
void terminal_restore(const struct terminal *terminal);
