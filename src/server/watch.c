#include "server/watch.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int watch_open(const char *directories)
{
    const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    _cleanup_(closep) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return -errno;
    for (const char *directory = directories; *directory; directory += strlen(directory) + 1)
        /* Some are none, such as a zip archive. */
        if (inotify_add_watch(fd, directory, events) < 0 && errno != ENOENT && errno != ENOTDIR)
            return -errno;
    return take_fd(&fd);
}

static bool is_source(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && (strcmp(dot, ".py") == 0 || strcmp(dot, ".wsgi") == 0);
}

bool watch_read(int fd)
{
    _Alignas(struct inotify_event) char buffer[4096];
    bool changed = false;
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        for (char *next = buffer; next < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)next;
            if ((event->mask & IN_Q_OVERFLOW) || (event->len > 0 && is_source(event->name)))
                changed = true;
            next += sizeof(*event) + event->len;
        }
    return changed;
}
