#include "image/inventory.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "image/arenas.h"
#include "image/descriptors.h"
#include "image/maps.h"
#include "image/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void inventory_clear(struct inventory *inventory)
{
    inventory->n_mappings = inventory->n_files = inventory->n_runs = 0;
    inventory->n_descriptors = inventory->strings_size = inventory->n_vvars = 0;
    inventory->vdso = (struct image_range){0};
    inventory->pages = inventory->barrier = 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

uint64_t inventory_add_string(struct inventory *inventory, const char *string, size_t size)
{
    if (inventory->strings_size == 0)
        inventory->strings_size = 1;
    uint64_t offset = inventory->strings_size;
    if (size + 1 > INVENTORY_MAX_STRINGS - inventory->strings_size)
        return 0;
    memcpy(inventory->strings + offset, string, size);
    inventory->strings[offset + size] = '\0';
    inventory->strings_size += size + 1;
    return offset;
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Most often the mapping before is of the same file. */
static uint32_t find_file(const struct inventory *inventory, struct slice path)
{
    for (size_t i = inventory->n_files; i > 0; i--) {
        const char *known = inventory->strings + inventory->files[i - 1].path;
        if (strlen(known) == path.size && memcmp(known, path.data, path.size) == 0)
            return (uint32_t)i;
    }
    return 0;
}

static int add_file(
    struct inventory *inventory, const struct mapping *mapping, struct problem *ret_problem)
{
    struct image_file *file = &inventory->files[inventory->n_files];
    const int length = (int)mapping->name.size;
    const char *name = mapping->name.data;
    struct stat status;

    if (inventory->n_files == INVENTORY_MAX_FILES)
        return problem_set(ret_problem, 1, "too many files are mapped");
    file->path = inventory_add_string(inventory, name, mapping->name.size);
    if (file->path == 0)
        return problem_set(ret_problem, 1, "the names of the mapped files are too long");
    if (stat(inventory->strings + file->path, &status) < 0)
        return problem_set(
            ret_problem, 1, "the mapped file %.*s cannot be found: %m", length, name);
    if (!S_ISREG(status.st_mode))
        return problem_set(ret_problem, 1, "memory of the device %.*s is mapped", length, name);
    if (status.st_ino != mapping->inode)
        return problem_set(
            ret_problem, 1, "the mapped file %.*s has been replaced: try again", length, name);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->size = (uint64_t)status.st_size;
    file->modified = nanoseconds(&status.st_mtim);
    file->changed = nanoseconds(&status.st_ctim);
    inventory->n_files++;
    return 0;
}

/* ---- mappings ------------------------------------------------------------------------------- */

static int refuse(const struct mapping *mapping, const char *what, struct problem *ret_problem)
{
    const struct slice *name = &mapping->name;

    return problem_set(ret_problem, 1, "the import has left %s%s%.*s%s", what,
        name->size > 0 ? " (" : "", (int)name->size, name->size > 0 ? name->data : "",
        name->size > 0 ? ")" : "");
}

/* Returns 0, or 1 with a problem if an image cannot hold the mapping. */
static int check_mapping(const struct mapping *mapping, struct problem *ret_problem)
{
    bool is_file = mapping->kind == MAPPING_FILE;

    if (mapping->is_deleted && mapping->is_shared)
        return refuse(mapping,
            "memory that is shared with other processes: allocate it when a request needs it",
            ret_problem);
    if (mapping->is_deleted)
        return refuse(mapping, "a deleted file mapped", ret_problem);
    if (mapping->kind == MAPPING_OTHER || (mapping->flags & MAPPING_DEVICE))
        return refuse(mapping, "memory of a device mapped", ret_problem);
    if ((mapping->flags & MAPPING_UNKNOWN) || mapping->key != 0)
        return refuse(mapping, "memory of a kind that an image cannot hold", ret_problem);
    if (!(mapping->flags & MAPPING_HAS_FLAGS))
        return problem_set(ret_problem, 1, "the kernel does not tell the flags of memory");
    if (mapping->is_shared && (!is_file || (mapping->flags & MAPPING_MAY_WRITE)))
        return refuse(mapping,
            "memory that is shared with other processes: allocate it when a request needs it",
            ret_problem);
    if ((mapping->protection & MAPPING_EXECUTE) &&
        (!is_file || (mapping->protection & MAPPING_WRITE)))
        return refuse(mapping, "code that it has generated", ret_problem);
    return 0;
}

static uint32_t flags_of(const struct mapping *mapping)
{
    static const struct {
        unsigned of_mapping;
        uint32_t of_image;
    } flags[] = {
        {MAPPING_GROWS_DOWN, IMAGE_GROWS_DOWN},
        {MAPPING_NO_RESERVE, IMAGE_NO_RESERVE},
        {MAPPING_WIPE_ON_FORK, IMAGE_WIPE_ON_FORK},
        {MAPPING_DROPPABLE, IMAGE_DROPPABLE},
        {MAPPING_DONT_DUMP, IMAGE_DONT_DUMP},
        {MAPPING_HUGE_PAGES, IMAGE_HUGE_PAGES},
        {MAPPING_NO_HUGE_PAGES, IMAGE_NO_HUGE_PAGES},
    };
    uint32_t result = mapping->is_shared ? IMAGE_SHARED : 0;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (mapping->flags & flags[i].of_mapping)
            result |= flags[i].of_image;
    return result;
}

static int add_mapping(
    struct inventory *inventory, const struct mapping *mapping, struct problem *ret_problem)
{
    uint32_t file = 0;

    if (inventory->n_mappings == INVENTORY_MAX_MAPPINGS)
        return problem_set(ret_problem, 1, "there are too many mappings");
    int r = check_mapping(mapping, ret_problem);
    if (r == 0 && mapping->kind == MAPPING_FILE) {
        file = find_file(inventory, mapping->name);
        if (file == 0)
            r = add_file(inventory, mapping, ret_problem);
        if (r == 0 && file == 0)
            file = (uint32_t)inventory->n_files;
    }
    if (r == 0)
        inventory->mappings[inventory->n_mappings++] = (struct image_mapping){
            .start = mapping->start,
            .end = mapping->end,
            .offset = file > 0 ? mapping->offset : 0,
            .file = file,
            .protection = mapping->protection, /* has the values of PROT_* */
            .flags = flags_of(mapping),
        };
    return r;
}

static int add_vvar(
    struct inventory *inventory, const struct mapping *mapping, struct problem *ret_problem)
{
    if (inventory->n_vvars == IMAGE_MAX_VVARS)
        return problem_set(ret_problem, 1, "the kernel has an unknown kind of vDSO");
    inventory->vvars[inventory->n_vvars++] = (struct image_range){mapping->start, mapping->end};
    return 0;
}

static int visit_mapping(struct inventory *inventory, const struct image_range *own,
    const struct mapping *mapping, struct problem *ret_problem)
{
    if (mapping->start >= own->start && mapping->end <= own->end)
        return 0;
    switch (mapping->kind) {
    case MAPPING_VSYSCALL: return 0;
    case MAPPING_VVAR: return add_vvar(inventory, mapping, ret_problem);
    case MAPPING_VDSO:
        inventory->vdso = (struct image_range){mapping->start, mapping->end};
        return 0;
    default: return add_mapping(inventory, mapping, ret_problem);
    }
}

int inventory_mappings(
    struct inventory *inventory, const struct image_range *own, struct problem *ret_problem)
{
    struct mapping mapping;
    long size = process_read("/proc/self/smaps", inventory->text, INVENTORY_MAX_TEXT);
    int r;

    if (size < 0)
        return problem_set(
            ret_problem, 1, "cannot read /proc/self/smaps: %s", strerror((int)-size));
    struct slice text = {inventory->text, (size_t)size};
    while ((r = maps_next(&text, &mapping)) > 0) {
        r = visit_mapping(inventory, own, &mapping, ret_problem);
        if (r != 0)
            return r;
    }
    return r < 0 ? problem_set(ret_problem, 1, "/proc/self/smaps has an unknown form") : 0;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

/* Which element, from 1 on, has the same open file description; or 0. */
static uint32_t find_same(
    const struct inventory *inventory, const struct image_descriptor *descriptor)
{
    for (size_t i = 0; i < inventory->n_descriptors; i++)
        if (descriptors_are_same(&inventory->descriptors[i], descriptor))
            return (uint32_t)i + 1;
    return 0;
}

static int add_descriptor(struct inventory *inventory, int fd, struct problem *ret_problem)
{
    struct image_descriptor descriptor;
    char path[PATH_MAX];
    int r = descriptor_describe(fd, &descriptor, path, ret_problem);

    if (r != 0)
        return r;
    descriptor.path = inventory_add_string(inventory, path, strlen(path));
    if (descriptor.path == 0)
        return problem_set(ret_problem, 1, "the names of the open files are too long");
    descriptor.same = find_same(inventory, &descriptor);
    inventory->descriptors[inventory->n_descriptors++] = descriptor;
    return 0;
}

int inventory_descriptors(struct inventory *inventory, struct problem *ret_problem)
{
    int numbers[IMAGE_MAX_DESCRIPTORS], r = 0;
    int n = descriptors_list(numbers, IMAGE_MAX_DESCRIPTORS);

    if (n < 0)
        return problem_set(ret_problem, 1, "cannot list the open descriptors: %s", strerror(-n));
    for (int i = 0; r == 0 && i < n; i++)
        r = add_descriptor(inventory, numbers[i], ret_problem);
    return r;
}

/* ---- pages ---------------------------------------------------------------------------------- */

enum { BATCH = 4096, MAX_GAP = 8, MAX_RUN = 1 << 30 /* preadv(2) returns less than 2 GB */ };

static bool is_zero(uint64_t address)
{
    const uint64_t *words = image_pointer(address);

    for (size_t i = 0; i < IMAGE_PAGE / sizeof(*words); i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* The heap of brk(2), the arenas and memory of files: never extended by mremap(2), nor emptied by
 * MADV_DONTNEED. */
static uint64_t run_flags(
    const struct inventory *inventory, const struct image_mapping *mapping, uint64_t address)
{
    bool is_heap = address >= inventory->heap.start && address < inventory->heap.end;

    return mapping->file > 0 || is_heap || arenas_contain(address) ? IMAGE_RUN_MAPPABLE : 0;
}

/* Whether all pages from `start` to `end` have these flags. */
static bool have_flags(const struct inventory *inventory, const struct image_mapping *mapping,
    uint64_t start, uint64_t end, uint64_t flags)
{
    for (; start < end; start += IMAGE_PAGE)
        if (run_flags(inventory, mapping, start) != flags)
            return false;
    return true;
}

/* Appends to the last run, if that is in the same mapping and not far away: what is in between
 * costs less than another run. */
static bool extend_run(
    struct inventory *inventory, const struct image_mapping *mapping, uint64_t address)
{
    struct image_run *last = inventory->n_runs > 0 ? &inventory->runs[inventory->n_runs - 1] : NULL;
    uint64_t most = (mapping->protection & PROT_READ) != 0 ? MAX_GAP * IMAGE_PAGE : 0;

    if (!last || last->start < mapping->start || inventory->barrier > last->start ||
        address - (last->start + last->size) > most ||
        address + IMAGE_PAGE - last->start > MAX_RUN ||
        !have_flags(
            inventory, mapping, last->start + last->size, address + IMAGE_PAGE, last->flags))
        return false;
    uint64_t size = address + IMAGE_PAGE - last->start;
    inventory->pages += (size - last->size) / IMAGE_PAGE;
    last->size = size;
    return true;
}

static bool add_page(
    struct inventory *inventory, const struct image_mapping *mapping, uint64_t address)
{
    if (extend_run(inventory, mapping, address))
        return true;
    if (inventory->n_runs == INVENTORY_MAX_RUNS)
        return false;
    inventory->pages++;
    inventory->runs[inventory->n_runs++] = (struct image_run){
        .start = address,
        .size = IMAGE_PAGE,
        .flags = run_flags(inventory, mapping, address),
    };
    return true;
}

/* Whether the mapping may have own pages, and their content belongs into the image. */
static bool has_content(const struct image_mapping *mapping)
{
    return !(mapping->flags & (IMAGE_SHARED | IMAGE_WIPE_ON_FORK | IMAGE_DROPPABLE));
}

/* Takes over the pages of a mapping from its page number `first` on; `entries` are of pagemap. A
 * page of zeros in anonymous memory need not be stored. */
static int add_pages(struct inventory *inventory, const struct image_mapping *mapping, size_t first,
    const uint64_t *entries, size_t count, struct problem *ret_problem)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t address = mapping->start + (first + i) * IMAGE_PAGE;
        if (maps_is_guard(entries[i]))
            inventory->barrier = address + IMAGE_PAGE;
        if (!maps_is_own_page(entries[i]) || maps_is_guard(entries[i]))
            continue;
        if (mapping->protection & PROT_EXEC)
            return problem_set(ret_problem, 1, "the import has changed code in memory");
        if (!(mapping->protection & PROT_READ) &&
            mprotect(image_pointer(address), IMAGE_PAGE, PROT_READ) < 0)
            return problem_set(ret_problem, 1, "cannot read memory: %m");
        if (mapping->file == 0 && is_zero(address))
            continue;
        if (!add_page(inventory, mapping, address))
            return problem_set(ret_problem, 1, "the pages are too scattered");
    }
    return 0;
}

static int inventory_mapping(struct inventory *inventory, const struct image_mapping *mapping,
    int pagemap, struct problem *ret_problem)
{
    size_t pages = (mapping->end - mapping->start) / IMAGE_PAGE;
    uint64_t entries[BATCH];
    int r = 0;

    for (size_t first = 0; r == 0 && first < pages; first += BATCH) {
        size_t count = pages - first < BATCH ? pages - first : BATCH;
        off_t at = (off_t)((mapping->start / IMAGE_PAGE + first) * sizeof(*entries));
        ssize_t size = (ssize_t)(count * sizeof(*entries));
        if (pread(pagemap, entries, (size_t)size, at) != size)
            return problem_set(ret_problem, 1, "cannot read /proc/self/pagemap: %m");
        r = add_pages(inventory, mapping, first, entries, count, ret_problem);
    }
    return r;
}

static int find_heap(struct inventory *inventory)
{
    struct prctl_mm_map layout;
    int r = process_read_layout(&layout);

    if (r < 0)
        return r;
    inventory->heap.start = layout.start_brk / IMAGE_PAGE * IMAGE_PAGE;
    inventory->heap.end = layout.brk;
    return 0;
}

int inventory_pages(struct inventory *inventory, struct problem *ret_problem)
{
    _cleanup_(closep) int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int r = 0;

    if (pagemap < 0)
        return problem_set(ret_problem, 1, "cannot read /proc/self/pagemap: %m");
    int found = find_heap(inventory);
    if (found < 0)
        return problem_set(ret_problem, 1, "cannot read /proc/self/stat: %s", strerror(-found));
    for (size_t i = 0; r == 0 && i < inventory->n_mappings; i++)
        if (has_content(&inventory->mappings[i]))
            r = inventory_mapping(inventory, &inventory->mappings[i], pagemap, ret_problem);
    return r;
}
