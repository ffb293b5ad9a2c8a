#pragma once

/* How a child has ended: its status, and whether it was still the program that was forked. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct exit_info {
    int status;       /* see waitpid(2) */
    char program[16]; /* what it had become by execve(2), in visible ASCII; "": nothing else, or
                         that cannot be known */
};

/* Sets what a child has become. It has to have ended, and not been waited for. */
void exit_info_find_program(pid_t pid, struct exit_info *ending);

/* Whether a process that was to load the app has failed to, and has said why: it exited with a
 * status of worker_load. Any other end before it is ready is the app's doing. */
bool exit_info_is_reported(const struct exit_info *ending);

/* In words: "was killed by signal 9 (Killed)", "exited with status 3", "became the program 'sleep'
 * (exec), which exited with status 0". */
void exit_info_describe(const struct exit_info *ending, char *buffer, size_t size);
