#include "image/new_file.h"

#include "base/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not by the C library's function for random numbers, which may have a state. */
int new_file_create(const char *path, char ret_name[static PATH_MAX], struct problem *ret_problem)
{
    uint64_t number = 0;

    ret_name[0] = '\0';
    if (syscall(SYS_getrandom, &number, sizeof(number), 0) != sizeof(number))
        return problem_set(ret_problem, -1, "cannot get a random number: %m");
    int size = snprintf(ret_name, PATH_MAX, "%s.%016jx.new", path, (uintmax_t)number);
    if (size >= PATH_MAX) {
        ret_name[0] = '\0';
        return problem_set(ret_problem, -1, "the name '%s' is too long", path);
    }
    int fd = open(ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        return fd;
    problem_set(ret_problem, -1, "cannot create '%s': %m", ret_name);
    ret_name[0] = '\0';
    return -1;
}

int new_file_write(int fd, const void *data, uint64_t size, uint64_t offset)
{
    const char *bytes = data;

    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        size -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int new_file_finish(int fd, int r, char name[static PATH_MAX], const char *path)
{
    if (r == 0 && fdatasync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(name, path) < 0)
        r = -errno;
    if (r == 0)
        name[0] = '\0';
    return r;
}

void new_file_remove(char name[static PATH_MAX])
{
    if (name[0])
        unlink(name);
    name[0] = '\0';
}
