#include "server/watch.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

int watch_open(const struct sources *sources)
{
    const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE;
    _cleanup_(closep) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return -errno;
    for (const char *path = sources->paths; path && path < sources->paths + sources->size;
         path += strlen(path) + 1)
        /* A directory may not exist, or be inside a zip archive. */
        if (inotify_add_watch(fd, path, events) < 0 && errno != ENOENT && errno != ENOTDIR &&
            errno != EACCES)
            return -errno;
    return take_fd(&fd);
}

void watch_drain(int fd)
{
    _Alignas(struct inotify_event) char buffer[4096];

    while (read(fd, buffer, sizeof(buffer)) > 0)
        ;
}
