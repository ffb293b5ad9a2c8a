#include "image/thaw.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "image/dependencies.h"
#include "image/descriptors.h"
#include "image/maps.h"
#include "image/placement.h"
#include "image/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What stood in the way of an image may be gone, and not be one of the files. */
#define REFUSAL_MAX_AGE (USEC_PER_SEC * 60 * 60)

enum { MAX_CLOCK_ERROR = 60, MAX_BOOT_ERROR = 2, STACK_SIZE = 64 << 10 };

/* ---- checks --------------------------------------------------------------------------------- */

/* With a start of the system, monotonic clocks begin again, from which the import may have taken
 * times. */
static int check_age(const struct image_header *header, usec_t max_age, struct problem *ret_problem)
{
    int64_t now = time(NULL);

    if (header->created > now + MAX_CLOCK_ERROR)
        return problem_set(ret_problem, -1, "it is from the future");
    if (llabs(header->booted - process_boot_time()) > MAX_BOOT_ERROR)
        return problem_set(ret_problem, -1, "the system was started, or its clock set, since then");
    if (max_age != 0 && now - header->created > (int64_t)(max_age / USEC_PER_SEC))
        return problem_set(ret_problem, -1, "it is too old (--image-max-age)");
    return 0;
}

/* A library that detects a fork by the process ID, as the random generator of OpenSSL does, would
 * not see one in a process that has the ID of the one that has imported it. */
static int check_process(const struct image_header *header, struct problem *ret_problem)
{
    if (getpid() == header->importer || getpid() == header->freezer)
        return problem_set(ret_problem, IMAGE_STAYS,
            "this process happens to have the ID of the one that has made the image");
    return 0;
}

static int check_program(
    const struct image *image, const struct image_use *use, struct problem *ret_problem)
{
    const struct image_file *program = &image->files[image->header->program - 1];
    struct stat status;

    if (stat(use->program, &status) < 0 || status.st_dev != program->device ||
        status.st_ino != program->inode)
        return problem_set(ret_problem, -1, "it was made by another program");
    return 0;
}

static int check_dependencies(
    const struct image_header *header, char *const *arguments, struct problem *ret_problem)
{
    struct slice record = {
        .data = image_elements(header, &header->dependencies),
        .size = header->dependencies.count,
    };

    return dependencies_check(record, arguments, environ, ret_problem) == 0 ? 0 : -1;
}

/* There is no image, because the app cannot be frozen. */
static int check_refusal(
    const struct image *image, const struct image_use *use, struct problem *ret_problem)
{
    int r = check_age(image->header, REFUSAL_MAX_AGE, ret_problem);

    if (r == 0)
        r = check_dependencies(image->header, use->arguments, ret_problem);
    return r != 0 ? r
                  : problem_set(ret_problem, IMAGE_STAYS, "it cannot be frozen: %s",
                        image->strings + image->header->refusal);
}

static int check_image(
    const struct image *image, const struct image_use *use, struct problem *ret_problem)
{
    const struct image_header *header = image->header;

    if (header->refusal != 0)
        return check_refusal(image, use, ret_problem);
    int r = check_age(header, use->max_age, ret_problem);
    if (r == 0)
        r = check_process(header, ret_problem);
    if (r == 0)
        r = check_program(image, use, ret_problem);
    return r == 0 ? check_dependencies(header, use->arguments, ret_problem) : r;
}

int image_check(const struct image_use *use, struct problem *ret_problem)
{
    _cleanup_(image_done) struct image image = {.fd = -1};

    if (!IMAGE_SUPPORTED)
        return problem_set(ret_problem, IMAGE_STAYS, "this machine cannot have images");
    int r = image_open(use->path, &image, ret_problem);
    return r == 0 ? check_image(&image, use, ret_problem) : r;
}

/* ---- vDSO ----------------------------------------------------------------------------------- */

static void add_move(struct image_plan *plan, const struct mapping *from, struct image_range to)
{
    plan->moves[plan->n_moves].from = (struct image_range){from->start, from->end};
    plan->moves[plan->n_moves++].to = to;
}

static bool has_size(const struct mapping *mapping, const struct image_range *range)
{
    return mapping->end - mapping->start == range->end - range->start;
}

/* Finds the vDSO of this process, which must be that of the image, and plans its moves. The data
 * come first. Returns whether it is the same. */
static bool plan_moves(const struct image *image, struct slice maps, struct image_plan *plan)
{
    const struct image_header *header = image->header;
    struct mapping mapping;
    uint64_t next = 0;

    while (maps_next(&maps, &mapping) > 0) {
        bool is_vdso = mapping.kind == MAPPING_VDSO;
        if (!is_vdso && mapping.kind != MAPPING_VVAR)
            continue;
        const struct image_range *to =
            is_vdso ? &header->vdso_range : &header->vvars[plan->n_moves];
        if (plan->n_moves >= header->n_vvars + is_vdso || !has_size(&mapping, to) ||
            (plan->n_moves > 0 && mapping.start != next))
            return false;
        add_move(plan, &mapping, *to);
        next = mapping.end;
        if (is_vdso)
            return plan->n_moves == header->n_vvars + 1 &&
                memcmp(image_pointer(mapping.start), image_elements(header, &header->vdso),
                    header->vdso.count) == 0;
    }
    return false;
}

static int find_vdso(
    const struct image *image, struct image_plan *plan, struct problem *ret_problem)
{
    const size_t size = 1 << 20;
    _cleanup_(freep) char *text = malloc(size);
    long n = text ? process_read("/proc/self/maps", text, size) : -ENOMEM;

    if (n < 0)
        return problem_set(
            ret_problem, IMAGE_STAYS, "cannot read /proc/self/maps: %s", strerror((int)-n));
    if (!plan_moves(image, (struct slice){text, (size_t)n}, plan))
        return problem_set(ret_problem, -1, "the vDSO of the kernel has changed");
    return 0;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void plan_thread(const struct image_header *header, struct image_plan *plan)
{
    plan->registers = header->registers;
    plan->thread_pointer = header->thread_pointer;
    plan->thread_id = header->thread_id;
    plan->robust_list = header->robust_list;
    plan->robust_list_size = header->robust_list_size;
    plan->rseq = header->rseq;
    plan->rseq_size = header->rseq_size;
}

/* The kernel shows arguments and environment in /proc: they are this process's. */
static void plan_layout(const struct image_header *header, struct image_plan *plan)
{
    const struct image_layout *layout = &header->layout;

    plan->layout = plan->old_layout;
    plan->layout.start_code = layout->start_code;
    plan->layout.end_code = layout->end_code;
    plan->layout.start_data = layout->start_data;
    plan->layout.end_data = layout->end_data;
    plan->layout.start_brk = layout->start_brk;
    plan->layout.brk = layout->brk;
    plan->layout.start_stack = layout->start_stack;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct image_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Writes the gaps between `count` ranges, which are sorted by this. Returns their number, at most
 * one more. */
static uint64_t find_gaps(struct image_range *kept, size_t count, struct image_range *gaps)
{
    uint64_t n = 0, at = 0;

    qsort(kept, count, sizeof(*kept), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        if (kept[i].start > at)
            gaps[n++] = (struct image_range){at, kept[i].start};
        at = kept[i].end > at ? kept[i].end : at;
    }
    if (at < IMAGE_HIGHEST)
        gaps[n++] = (struct image_range){at, IMAGE_HIGHEST};
    return n;
}

/* The memory for the last steps: it stays until the image unmaps it. */
struct landing {
    struct image_plan *plan;
    struct image_range *gaps;
    char *auxv;
    struct image_message *message;
    char *stack_end;
    char *memory;
    size_t size;
};

static size_t align(size_t size)
{
    return (size + 63) / 64 * 64;
}

static bool landing_init(struct landing *ret, const struct image_header *header, size_t message)
{
    size_t plan = align(sizeof(struct image_plan));
    size_t gaps = align((header->mappings.count + 8) * sizeof(struct image_range));
    size_t auxv = align(header->auxv.count), data = align(sizeof(struct image_message) + message);
    size_t size = plan + gaps + auxv + data + STACK_SIZE;

    size = (size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    *ret = (struct landing){
        .plan = (void *)memory,
        .gaps = (void *)(memory + plan),
        .auxv = memory + plan + gaps,
        .message = (void *)(memory + plan + gaps + auxv),
        .stack_end = memory + size,
        .memory = memory,
        .size = size,
    };
    return true;
}

static void landing_done(struct landing *landing)
{
    if (landing->memory)
        munmap(landing->memory, landing->size);
}

/* All memory but that of the image, of the landing, and of the arguments and environment. */
static int plan_gaps(const struct image *image, const struct placement *placement,
    struct landing *landing, struct problem *ret_problem)
{
    const struct prctl_mm_map *layout = &landing->plan->layout;
    size_t count = image->header->mappings.count, n = 0;
    _cleanup_(freep) struct image_range *kept = calloc(count + 3, sizeof(*kept));

    if (!kept)
        return problem_set(ret_problem, IMAGE_STAYS, "out of memory");
    for (; n < count; n++)
        kept[n] = (struct image_range){image->mappings[n].start, image->mappings[n].end};
    kept[n++] = placement->vdso;
    kept[n++] =
        (struct image_range){(uint64_t)landing->memory, (uint64_t)landing->memory + landing->size};
    kept[n++] = (struct image_range){layout->arg_start / IMAGE_PAGE * IMAGE_PAGE,
        (layout->env_end + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE};
    landing->plan->gaps = landing->gaps;
    landing->plan->n_gaps = find_gaps(kept, n, landing->gaps);
    return 0;
}

static void write_message(struct landing *landing, const void *message, size_t size)
{
    landing->message->memory = landing->memory;
    landing->message->memory_size = landing->size;
    landing->message->size = size;
    memcpy(landing->message->data, message, size);
    landing->plan->message = landing->message;
}

static int make_plan(const struct image *image, const struct placement *placement,
    struct landing *landing, struct problem *ret_problem)
{
    const struct image_header *header = image->header;
    struct image_plan *plan = landing->plan;

    if (!process_can_set_layout() || process_read_layout(&plan->old_layout) < 0 ||
        process_find_rseq(&plan->old_rseq, &plan->old_rseq_size) < 0)
        return problem_set(
            ret_problem, IMAGE_STAYS, "this kernel or C library is not known well enough");
    plan_thread(header, plan);
    plan_layout(header, plan);
    memcpy(landing->auxv, image_elements(header, &header->auxv), header->auxv.count);
    plan->layout.auxv = header->auxv.count > 0 ? (void *)landing->auxv : NULL;
    plan->layout.auxv_size = (uint32_t)header->auxv.count;
    int r = find_vdso(image, plan, ret_problem);
    return r == 0 ? plan_gaps(image, placement, landing, ret_problem) : r;
}

/* ---- landing -------------------------------------------------------------------------------- */

/* Takes over what is no memory, and leaves. Returns only on failure, with everything as before. */
static int land(
    const struct image *image, const struct landing *landing, struct problem *ret_problem)
{
    const struct image_header *header = image->header;
    const char *directory = image->strings + header->working_directory;
    _cleanup_(freep) char *before = getcwd(NULL, 0);
    sigset_t all, mask;

    if (!before || chdir(directory) < 0)
        return problem_set(ret_problem, -1, "cannot enter '%s': %m", directory);
    mode_t old_umask = umask((mode_t)header->umask);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &mask);
    long r = image_enter(landing->plan, landing->stack_end, header->land);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    umask(old_umask);
    if (chdir(before) < 0)
        return problem_set(ret_problem, -1, "cannot return to '%s': %m", before);
    return problem_set(ret_problem, IMAGE_STAYS, "the kernel refuses: %s", strerror((int)-r));
}

/* With the memory of the image in place. */
static int enter(const struct image *image, const struct placement *placement, int connection,
    const void *message, size_t size, struct problem *ret_problem)
{
    _cleanup_(descriptors_undo) struct descriptors descriptors = {0};
    _cleanup_(landing_done) struct landing landing = {0};

    if (!landing_init(&landing, image->header, size))
        return problem_set(ret_problem, IMAGE_STAYS, "out of memory");
    write_message(&landing, message, size);
    int r = make_plan(image, placement, &landing, ret_problem);
    if (r == 0)
        r = descriptors_open(&descriptors, image, connection, ret_problem);
    landing.message->connection = descriptors.connection;
    return r == 0 ? land(image, &landing, ret_problem) : r;
}

int image_thaw(const struct image_use *use, int connection, const void *message, size_t size,
    struct problem *ret_problem)
{
    _cleanup_(image_done) struct image image = {.fd = -1};
    struct placement placement = {0};

    if (!IMAGE_SUPPORTED)
        return problem_set(ret_problem, IMAGE_STAYS, "this machine cannot have images");
    int r = image_open(use->path, &image, ret_problem);
    if (r == 0)
        r = check_image(&image, use, ret_problem);
    if (r != 0)
        return r;
    r = placement_make(&placement, &image, ret_problem);
    if (r == 0) {
        closep(&image.fd); /* the image must not have it */
        image.fd = -1;
        r = enter(&image, &placement, connection, message, size, ret_problem);
    }
    placement_undo(&placement);
    return r;
}
