#pragma once

/* The environment variables that differ with each start (see circumstances_has_variable): a process
 * hands its own over to the image that takes its place. */

#include <stddef.h>
#include <stdint.h>

/* Has no pointers, so that it can be copied. */
struct variables {
    uint32_t size;
    char text[]; /* "NAME=value", each with its terminator */
};

/* Those of this process but for what systemd has passed to the program itself, which the app does
 * not see: sockets and the like. On the heap; or NULL if there is no memory. */
struct variables *variables_new(void);

/* In bytes, with the header. */
size_t variables_size(const struct variables *variables);

/* The value that a variable has there, or NULL. variable: "NAME" or "NAME=..." */
const char *variables_find(const struct variables *variables, const char *variable);
