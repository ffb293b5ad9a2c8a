#pragma once

/* How a child has ended: its status, and whether it was still the program that was forked. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ending {
    int status;       /* see waitpid(2) */
    char program[16]; /* what it had become by execve(2), in visible ASCII; "": nothing else, or
                         that cannot be known */
};

/* Sets what a child has become. It has to have ended, and not been waited for. */
void ending_find_program(pid_t pid, struct ending *ending);

/* Whether a process that was to load the app has failed to, and has said why: it exited with a
 * status of worker_load. Any other end before it is ready is the app's doing. */
bool ending_is_explained(const struct ending *ending);

/* In words: "was killed by signal 9 (Killed)", "exited with status 3", "became the program 'sleep'
 * (exec), which exited with status 0". */
void ending_describe(const struct ending *ending, char *buffer, size_t size);
