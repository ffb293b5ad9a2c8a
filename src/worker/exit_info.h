#pragma once

/* How a child ended: its wait status, and whether it had run another program. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct exit_info {
    int status;       /* see waitpid(2) */
    char program[16]; /* the program that it became by execve(2), in visible ASCII without single
                       * quotes; "" when it did not call that, or when this cannot be known */
};

/* Sets ret->program if the child has run another program, else leaves it alone. The child must be a
 * zombie: it has exited, and nobody has reaped it. */
void exit_info_find_program(pid_t pid, struct exit_info *ret);

/* Whether a process failed to load the app and has logged the reason: it exited with one of the
 * statuses of worker_load. Any other exit before it is ready is the app's doing. */
bool exit_info_is_reported(const struct exit_info *info);

/* Puts it into words: "was killed by signal 9 (Killed)", "exited with status 3", "became the
 * program 'sleep' (exec), which exited with status 0". */
void exit_info_describe(const struct exit_info *info, char *buffer, size_t size);
