#pragma once

/* Ownership: local variables that release what they own when they go out of scope. */

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

/* Transfers ownership of a descriptor to the caller: *fd becomes -1. */
static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
