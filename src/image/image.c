#include "image/image.h"

#include "base/cleanup.h"
#include "base/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* Whether nobody else can have written the file. */
static const char *check_owner(const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return "it is not a regular file";
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return "it belongs to another user";
    return (status->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "others may write it" : NULL;
}

static bool read_exactly(int fd, void *buffer, size_t size)
{
    return pread(fd, buffer, size, 0) == (ssize_t)size;
}

/* Returns NULL, or what is wrong. */
static const char *read_tables(struct image *image, uint64_t file_size)
{
    struct image_header header;

    if (file_size < sizeof(header) || !read_exactly(image->fd, &header, sizeof(header)))
        return "it is too short";
    const char *problem = image_validate_header(&header, file_size);
    if (problem)
        return problem;
    image->tables = malloc(header.tables_size);
    if (!image->tables || !read_exactly(image->fd, image->tables, header.tables_size))
        return "it cannot be read";
    /* The file may have changed in between; what follows looks at this copy only. */
    problem = image_validate_header(image->tables, file_size);
    return problem ? problem : image_validate(image->tables, header.tables_size);
}

static void find_tables(struct image *image)
{
    const struct image_header *header = image->tables;

    image->header = header;
    image->mappings = image_elements(header, &header->mappings);
    image->runs = image_elements(header, &header->runs);
    image->files = image_elements(header, &header->files);
    image->descriptors = image_elements(header, &header->descriptors);
    image->strings = image_elements(header, &header->strings);
}

int image_open(const char *path, struct image *ret, struct problem *ret_problem)
{
    struct image image = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat status;

    *ret = (struct image){.fd = -1};
    if (image.fd < 0)
        return problem_set(ret_problem, errno == ENOENT ? IMAGE_MISSING : -1, "cannot open it: %m");
    const char *problem = fstat(image.fd, &status) < 0 ? "it cannot be read" : check_owner(&status);
    if (!problem)
        problem = read_tables(&image, (uint64_t)status.st_size);
    if (problem) {
        image_done(&image);
        return problem_set(ret_problem, -1, "%s", problem);
    }
    find_tables(&image);
    *ret = image;
    return 0;
}

void image_done(struct image *image)
{
    closep(&image->fd);
    free(image->tables);
    *image = (struct image){.fd = -1};
}
