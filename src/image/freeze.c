#include "image/freeze.h"

#include "base/problem.h"
#include "image/dependencies.h"
#include "image/inventory.h"
#include "image/land.h"
#include "image/new_file.h"
#include "image/obstacles.h"
#include "image/process.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if IMAGE_SUPPORTED
#    include <asm/prctl.h>
#endif

/* Everything that the forked process writes to is here or on its stack: other memory must stay as
 * it was after the fork. */
struct freezer {
    struct freeze_report report;
    struct problem problem;
    char path[PATH_MAX]; /* of the new file */
    struct inventory inventory;
    char tables[IMAGE_MAX_TABLES] __attribute__((aligned(4096)));
};

bool freeze_is_supported(void)
{
    return IMAGE_SUPPORTED;
}

struct freezer *freezer_new(void)
{
    void *memory = mmap(NULL, sizeof(struct freezer), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

const struct freeze_report *freezer_report(const struct freezer *freezer)
{
    return &freezer->report;
}

const struct problem *freezer_problem(const struct freezer *freezer)
{
    return &freezer->problem;
}

/* ---- the header ----------------------------------------------------------------------------- */

static struct image_header *header_of(struct freezer *freezer)
{
    return (struct image_header *)(void *)freezer->tables;
}

static int fill_layout(struct image_header *header, struct problem *ret_problem)
{
    struct prctl_mm_map layout;
    int r = process_read_layout(&layout);

    if (r < 0)
        return problem_set(ret_problem, -1, "cannot read /proc/self/stat: %s", strerror(-r));
    header->layout = (struct image_layout){
        .start_code = layout.start_code,
        .end_code = layout.end_code,
        .start_data = layout.start_data,
        .end_data = layout.end_data,
        .start_brk = layout.start_brk,
        .brk = layout.brk,
        .start_stack = layout.start_stack,
    };
    return 0;
}

#if IMAGE_SUPPORTED

/* The C library keeps the thread's ID at the address that the kernel clears at its end. */
static int fill_thread(struct image_header *header, struct problem *ret_problem)
{
    void *robust_list = NULL;
    size_t size = 0;
    int *thread_id = NULL;
    uint64_t gs = 0;

    if (syscall(SYS_arch_prctl, ARCH_GET_FS, &header->thread_pointer) < 0 ||
        syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) < 0 || gs != 0 ||
        prctl(PR_GET_TID_ADDRESS, &thread_id, 0, 0, 0) < 0 || !thread_id ||
        *thread_id != gettid() || syscall(SYS_get_robust_list, 0, &robust_list, &size) < 0)
        return problem_set(ret_problem, -1, "this kernel or C library is not known well enough");
    header->thread_id = (uint64_t)thread_id;
    header->robust_list = (uint64_t)robust_list;
    header->robust_list_size = size;
    if (process_find_rseq(&header->rseq, &header->rseq_size) < 0)
        return problem_set(ret_problem, -1, "this C library has an unknown kind of rseq");
    return 0;
}

#else

static int fill_thread(struct image_header *header, struct problem *ret_problem)
{
    (void)header;
    return problem_set(ret_problem, -1, "this program cannot make images");
}

#endif

/* Finds the mapping that the program's code is in. Returns the number of its file, or 0. */
static uint32_t find_program(const struct inventory *inventory)
{
    uint64_t address = (uint64_t)image_land;

    for (size_t i = 0; i < inventory->n_mappings; i++)
        if (inventory->mappings[i].start <= address && address < inventory->mappings[i].end)
            return inventory->mappings[i].file;
    return 0;
}

static void begin_header(struct image_header *header)
{
    memcpy(header->magic, IMAGE_MAGIC, sizeof(header->magic));
    header->version = IMAGE_VERSION;
    header->machine = IMAGE_X86_64;
    header->created = time(NULL);
    header->booted = process_boot_time();
}

/* All but tables, registers and sizes. */
static int fill_header(struct freezer *freezer, struct image_header *header, pid_t importer)
{
    struct inventory *inventory = &freezer->inventory;
    char directory[PATH_MAX];
    mode_t mask = umask(077);

    begin_header(header);
    header->umask = mask;
    header->importer = importer;
    header->freezer = getpid();
    header->program = find_program(inventory);
    header->land = (uint64_t)image_land;
    header->vdso_range = inventory->vdso;
    header->n_vvars = inventory->n_vvars;
    memcpy(header->vvars, inventory->vvars, sizeof(header->vvars));
    if (!getcwd(directory, sizeof(directory)) || directory[0] != '/')
        return problem_set(&freezer->problem, -1, "the working directory has no name: %m");
    header->working_directory = inventory_add_string(inventory, directory, strlen(directory));
    if (header->working_directory == 0 || header->program == 0 || inventory->vdso.start == 0)
        return problem_set(&freezer->problem, -1, "this kernel is not known well enough");
    int r = fill_layout(header, &freezer->problem);
    return r == 0 ? fill_thread(header, &freezer->problem) : r;
}

/* ---- tables --------------------------------------------------------------------------------- */

/* Appends a table. Returns whether there is room. */
static bool add_table(struct freezer *freezer, struct image_table *table, const void *elements,
    size_t count, size_t element)
{
    struct image_header *header = header_of(freezer);
    uint64_t offset = header->tables_size;

    if (count > (IMAGE_MAX_TABLES - offset) / element)
        return false;
    if (count > 0)
        memcpy(freezer->tables + offset, elements, count * element);
    *table = (struct image_table){.offset = offset, .count = count};
    header->tables_size = (offset + count * element + 7) / 8 * 8;
    return true;
}

static int add_tables(struct freezer *freezer, struct slice dependencies)
{
    struct image_header *header = header_of(freezer);
    struct inventory *inventory = &freezer->inventory;
    char auxv[1024];
    long auxv_size = process_read("/proc/self/auxv", auxv, sizeof(auxv));
    const void *vdso = image_pointer(inventory->vdso.start);

    header->tables_size = sizeof(*header);
    if (auxv_size < 0 ||
        !add_table(freezer, &header->mappings, inventory->mappings, inventory->n_mappings,
            sizeof(*inventory->mappings)) ||
        !add_table(
            freezer, &header->runs, inventory->runs, inventory->n_runs, sizeof(*inventory->runs)) ||
        !add_table(freezer, &header->files, inventory->files, inventory->n_files,
            sizeof(*inventory->files)) ||
        !add_table(freezer, &header->descriptors, inventory->descriptors, inventory->n_descriptors,
            sizeof(*inventory->descriptors)) ||
        !add_table(freezer, &header->strings, inventory->strings, inventory->strings_size, 1) ||
        !add_table(freezer, &header->dependencies, dependencies.data, dependencies.size, 1) ||
        !add_table(freezer, &header->vdso, vdso, inventory->vdso.end - inventory->vdso.start, 1) ||
        !add_table(freezer, &header->auxv, auxv, (size_t)auxv_size, 1))
        return problem_set(&freezer->problem, -1, "the tables are too large");
    return 0;
}

/* The runs get their places in the file, before the table of runs is written. */
static void place_runs(struct freezer *freezer)
{
    struct inventory *inventory = &freezer->inventory;
    struct image_header *header = header_of(freezer);
    struct image_run *runs = (void *)(freezer->tables + header->runs.offset);
    uint64_t offset = (header->tables_size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;

    header->pages_offset = offset;
    for (size_t i = 0; i < inventory->n_runs; i++) {
        runs[i].offset = offset;
        offset += runs[i].size;
    }
    header->file_size = offset;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int write_image(struct freezer *freezer, int fd)
{
    struct image_header *header = header_of(freezer);
    const struct image_run *runs = image_elements(freezer->tables, &header->runs);
    int r = ftruncate(fd, (off_t)header->file_size) < 0 ? -errno : 0;

    for (uint64_t i = 0; r == 0 && i < header->runs.count; i++)
        r = new_file_write(fd, image_pointer(runs[i].start), runs[i].size, runs[i].offset);
    header->checksum = image_checksum(freezer->tables, header->tables_size);
    return r == 0 ? new_file_write(fd, freezer->tables, header->tables_size, 0) : r;
}

static int write_file(struct freezer *freezer, const char *path)
{
    int fd = new_file_create(path, freezer->path, &freezer->problem);

    if (fd < 0)
        return -1;
    int r = new_file_finish(fd, write_image(freezer, fd), freezer->path, path);
    new_file_remove(freezer->path); /* now: a refusal may follow, which has another name */
    return r == 0 ? 0
                  : problem_set(&freezer->problem, -1, "cannot write '%s': %s", path, strerror(-r));
}

void freezer_remove_new(struct freezer *freezer)
{
    new_file_remove(freezer->path);
}

/* ---- freezing ------------------------------------------------------------------------------- */

static struct image_range own_range(const struct freezer *freezer)
{
    return (struct image_range){(uint64_t)freezer, (uint64_t)(freezer + 1)};
}

int freezer_check_memory(struct freezer *freezer, struct problem *ret_problem)
{
    const struct image_range own = own_range(freezer);
    int r = inventory_mappings(&freezer->inventory, &own, ret_problem);

    if (r == 0)
        r = inventory_pages(&freezer->inventory, ret_problem);
    inventory_clear(&freezer->inventory);
    return r;
}

static int write_frozen(
    struct freezer *freezer, const char *path, struct slice dependencies, pid_t importer)
{
    const struct image_range own = own_range(freezer);
    struct image_header *header = header_of(freezer);
    struct inventory *inventory = &freezer->inventory;

    if (inventory_mappings(inventory, &own, &freezer->problem) != 0 ||
        fill_header(freezer, header, importer) != 0 ||
        inventory_pages(inventory, &freezer->problem) != 0 ||
        add_tables(freezer, dependencies) != 0)
        return -1;
    place_runs(freezer);
    header->checksum = image_checksum(freezer->tables, header->tables_size);
    const char *problem = image_validate_header(header, header->file_size);
    if (!problem)
        problem = image_validate(freezer->tables, header->tables_size);
    if (problem)
        return problem_set(&freezer->problem, -1, "the image would be invalid: %s", problem);
    if (write_file(freezer, path) < 0)
        return -1;
    freezer->report = (struct freeze_report){
        .size = header->file_size,
        .pages = inventory->pages,
        .mappings = inventory->n_mappings,
        .files = inventory->n_files,
        .paths = dependencies_count_paths(dependencies),
    };
    return 0;
}

int freezer_write_refusal(
    struct freezer *freezer, const char *path, struct slice dependencies, const char *reason)
{
    struct image_header *header = header_of(freezer);
    struct inventory *inventory = &freezer->inventory;

    inventory_clear(inventory);
    memset(header, 0, sizeof(*header));
    begin_header(header);
    header->refusal = inventory_add_string(inventory, reason, strlen(reason));
    if (add_tables(freezer, dependencies) < 0)
        return -1;
    header->file_size = header->pages_offset = header->tables_size;
    return write_file(freezer, path);
}

int image_freeze(struct freezer *freezer, const char *path, struct slice dependencies,
    pid_t importer, void **ret_message)
{
    if (!IMAGE_SUPPORTED || !process_can_set_layout())
        return problem_set(&freezer->problem, -1, "this machine or kernel cannot have images");
    /* Hooks may have left something after the obstacles of the importer were looked for. */
    if (obstacles_find_tasks(&freezer->problem) != 0 ||
        inventory_descriptors(&freezer->inventory, &freezer->problem) != 0)
        return -1;
    struct image_return thawed = image_save(&header_of(freezer)->registers);
    if (thawed.is_thawed) {
        *ret_message = thawed.message;
        return 1;
    }
    return write_frozen(freezer, path, dependencies, importer);
}
