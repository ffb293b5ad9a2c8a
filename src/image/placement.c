#include "image/placement.h"

#include "base/cleanup.h"
#include "base/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef MAP_DROPPABLE
#    define MAP_DROPPABLE 0x08 /* in mmap(2), but not in older C libraries */
#endif

/* ---- files ---------------------------------------------------------------------------------- */

/* Mappings of one file follow each other, so the last one stays open. */
struct open_file {
    int fd;
    uint32_t number;
};

static bool is_time(int64_t nanoseconds, const struct timespec *time)
{
    return nanoseconds == (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool is_unchanged(const struct image_file *file, const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_dev == file->device &&
        status->st_ino == file->inode && (uint64_t)status->st_size == file->size &&
        is_time(file->modified, &status->st_mtim) && is_time(file->changed, &status->st_ctim);
}

/* Opens the file with this number, unless it is the one that is open. */
static int open_file(const struct image *image, uint32_t number, struct open_file *open_file,
    struct problem *ret_problem)
{
    const struct image_file *file = &image->files[number - 1];
    const char *path = image->strings + file->path;
    struct stat status;

    if (open_file->number == number)
        return 0;
    closep(&open_file->fd);
    *open_file = (struct open_file){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (open_file->fd < 0 || fstat(open_file->fd, &status) < 0) {
        bool is_exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return problem_set(
            ret_problem, is_exhausted ? IMAGE_STAYS : -1, "cannot open '%s': %m", path);
    }
    if (!is_unchanged(file, &status))
        return problem_set(ret_problem, -1, "'%s' has changed", path);
    open_file->number = number;
    return 0;
}

/* ---- mappings ------------------------------------------------------------------------------- */

/* Memory that pages may have to be read into is writable at first. */
static int first_protection(const struct image_mapping *mapping)
{
    bool is_final = (mapping->flags & IMAGE_SHARED) || (mapping->protection & PROT_EXEC);

    return (int)mapping->protection | (is_final ? 0 : PROT_READ | PROT_WRITE);
}

static int map_flags(const struct image_mapping *mapping)
{
    int flags = MAP_FIXED_NOREPLACE;

    if (mapping->flags & IMAGE_DROPPABLE)
        flags |= MAP_DROPPABLE;
    else
        flags |= mapping->flags & IMAGE_SHARED ? MAP_SHARED : MAP_PRIVATE;
    if (mapping->file == 0)
        flags |= MAP_ANONYMOUS;
    if (mapping->flags & IMAGE_GROWS_DOWN)
        flags |= MAP_GROWSDOWN;
    if (mapping->flags & IMAGE_NO_RESERVE)
        flags |= MAP_NORESERVE;
    return flags;
}

/* Maps at an address where nothing is. Older kernels, which do not know the flag, may choose
 * another one. */
static int map_at(const struct image_range *range, int protection, int flags, int fd, off_t offset)
{
    size_t size = range->end - range->start;
    void *memory = mmap(image_pointer(range->start), size, protection, flags, fd, offset);

    if (memory == MAP_FAILED)
        return -errno;
    if (memory == image_pointer(range->start))
        return 0;
    munmap(memory, size);
    return -EEXIST;
}

/* Advice about huge pages may be refused, because it needs a kernel that has them. */
static int advise(const struct image_mapping *mapping)
{
    void *start = image_pointer(mapping->start);
    size_t size = mapping->end - mapping->start;

    if (mapping->flags & IMAGE_HUGE_PAGES)
        madvise(start, size, MADV_HUGEPAGE);
    if (mapping->flags & IMAGE_NO_HUGE_PAGES)
        madvise(start, size, MADV_NOHUGEPAGE);
    if (mapping->flags & IMAGE_DROPPABLE)
        return 0; /* includes the others */
    if ((mapping->flags & IMAGE_WIPE_ON_FORK) && madvise(start, size, MADV_WIPEONFORK) < 0)
        return -errno;
    if ((mapping->flags & IMAGE_DONT_DUMP) && madvise(start, size, MADV_DONTDUMP) < 0)
        return -errno;
    return 0;
}

static int place_mapping(struct placement *placement, const struct image_mapping *mapping,
    struct open_file *file, struct problem *ret_problem)
{
    const struct image_range range = {mapping->start, mapping->end};

    int r = mapping->file > 0 ? open_file(placement->image, mapping->file, file, ret_problem) : 0;
    if (r != 0)
        return r;
    r = map_at(&range, first_protection(mapping), map_flags(mapping),
        mapping->file > 0 ? file->fd : -1, (off_t)mapping->offset);
    if (r == -EEXIST)
        return problem_set(
            ret_problem, IMAGE_STAYS, "one of its addresses is in use, which happens now and then");
    if (r == 0) {
        placement->n_mappings++;
        r = advise(mapping);
    }
    return r == 0
        ? 0
        : problem_set(ret_problem, IMAGE_STAYS, "cannot map its memory: %s", strerror(-r));
}

static int place_mappings(struct placement *placement, struct problem *ret_problem)
{
    const struct image *image = placement->image;
    struct open_file file = {.fd = -1};
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < image->header->mappings.count; i++)
        r = place_mapping(placement, &image->mappings[i], &file, ret_problem);
    closep(&file.fd);
    return r;
}

static int reserve_vdso(struct placement *placement, struct problem *ret_problem)
{
    const struct image_header *header = placement->image->header;
    const struct image_range range = {header->vvars[0].start, header->vdso_range.end};
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    if (map_at(&range, PROT_NONE, flags, -1, 0) < 0)
        return problem_set(ret_problem, IMAGE_STAYS,
            "the address of its vDSO is in use, which happens now and then");
    placement->vdso = range;
    return 0;
}

/* ---- pages ---------------------------------------------------------------------------------- */

enum {
    MAX_PARTS = 1024,             /* IOV_MAX */
    MAPPED_SIZE = 8 * IMAGE_PAGE, /* from this size on, to map is cheaper than to read */
    MAX_MAPPED = 1024,            /* each is a mapping, of which the kernel allows 65530 */
};
#define MAX_READ (UINT64_C(1) << 30)

/* Most processes use few of the pages. What is mapped instead of read costs nothing until it is
 * used, and is shared until it is written to.
 *
 * But it is memory of a file: mremap(2), as in realloc(3), extends it by what follows in the file,
 * or by nothing at its end (SIGBUS), and MADV_DONTNEED, by which allocators get zeros, restores
 * what the image has. So this is only for memory that is never treated in these ways: the heap of
 * brk(2), the arenas of Python, and that of mapped files. Memory with attributes is read. */
static bool can_be_mapped(const struct image_mapping *mapping, const struct image_run *run)
{
    return (run->flags & IMAGE_RUN_MAPPABLE) && run->size >= MAPPED_SIZE &&
        (mapping->flags & ~(uint32_t)IMAGE_NO_RESERVE) == 0;
}

static int map_run(
    const struct image *image, const struct image_mapping *mapping, const struct image_run *run)
{
    void *memory = mmap(image_pointer(run->start), run->size, first_protection(mapping),
        MAP_PRIVATE | MAP_FIXED, image->fd, (off_t)run->offset);

    return memory == MAP_FAILED ? -1 : 0;
}

/* Runs that are read by one call: they follow each other in the file. */
struct batch {
    struct iovec parts[MAX_PARTS];
    int n;
    uint64_t start, size; /* in the file */
};

static int read_batch(const struct image *image, struct batch *batch)
{
    ssize_t n = batch->n > 0 ? preadv(image->fd, batch->parts, batch->n, (off_t)batch->start) : 0;
    bool is_complete = n == (ssize_t)(batch->n > 0 ? batch->size : 0);

    batch->n = 0;
    return is_complete ? 0 : -1;
}

static int read_run(const struct image *image, const struct image_run *run, struct batch *batch)
{
    bool follows = batch->n > 0 && run->offset == batch->start + batch->size &&
        batch->n < MAX_PARTS && batch->size + run->size <= MAX_READ;

    if (!follows && read_batch(image, batch) < 0)
        return -1;
    if (batch->n == 0) {
        batch->start = run->offset;
        batch->size = 0;
    }
    batch->parts[batch->n++] = (struct iovec){image_pointer(run->start), run->size};
    batch->size += run->size;
    return 0;
}

static int place_pages(const struct image *image, struct problem *ret_problem)
{
    const struct image_mapping *mapping = image->mappings;
    struct batch batch = {.n = 0};
    int r = 0, mapped = 0;

    for (uint64_t i = 0; r == 0 && i < image->header->runs.count; i++) {
        const struct image_run *run = &image->runs[i];
        while (mapping->end <= run->start)
            mapping++;
        bool is_mapped = mapped < MAX_MAPPED && can_be_mapped(mapping, run);
        mapped += is_mapped;
        r = is_mapped ? map_run(image, mapping, run) : read_run(image, run, &batch);
    }
    if (r == 0)
        r = read_batch(image, &batch);
    return r == 0 ? 0 : problem_set(ret_problem, -1, "its pages cannot be read: %m");
}

static int protect(const struct image *image, struct problem *ret_problem)
{
    for (uint64_t i = 0; i < image->header->mappings.count; i++) {
        const struct image_mapping *mapping = &image->mappings[i];
        if ((uint32_t)first_protection(mapping) != mapping->protection &&
            mprotect(image_pointer(mapping->start), mapping->end - mapping->start,
                (int)mapping->protection) < 0)
            return problem_set(ret_problem, IMAGE_STAYS, "cannot protect its memory: %m");
    }
    return 0;
}

int placement_make(struct placement *ret, const struct image *image, struct problem *ret_problem)
{
    *ret = (struct placement){.image = image};
    int r = place_mappings(ret, ret_problem);
    if (r == 0)
        r = reserve_vdso(ret, ret_problem);
    if (r == 0)
        r = place_pages(image, ret_problem);
    return r == 0 ? protect(image, ret_problem) : r;
}

void placement_undo(struct placement *placement)
{
    for (size_t i = 0; placement->image && i < placement->n_mappings; i++) {
        const struct image_mapping *mapping = &placement->image->mappings[i];
        munmap(image_pointer(mapping->start), mapping->end - mapping->start);
    }
    if (placement->vdso.end > 0)
        munmap(image_pointer(placement->vdso.start), placement->vdso.end - placement->vdso.start);
    *placement = (struct placement){0};
}
