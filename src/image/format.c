#include "image/format.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* PROT_* have the same values on all machines. */
enum { READ = 1, WRITE = 2, EXECUTE = 4 };

uint64_t image_checksum(const void *tables, size_t size)
{
    const uint64_t *words = tables;
    const size_t own = offsetof(struct image_header, checksum) / sizeof(*words);
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size / sizeof(*words); i++) {
        sum = (sum ^ (i == own ? 0 : words[i])) * UINT64_C(0x100000001b3);
        sum ^= sum >> 32; /* or the first bit of a word would not reach the others */
    }
    return sum;
}

const char *image_validate_header(const struct image_header *header, uint64_t file_size)
{
    if (file_size < sizeof(*header))
        return "it is too short";
    if (memcmp(header->magic, IMAGE_MAGIC, sizeof(header->magic)) != 0)
        return "it is no image";
    if (header->version != IMAGE_VERSION)
        return "it has another version of the format";
    if (header->machine != IMAGE_X86_64)
        return "it is of another kind of machine";
    if (header->file_size != file_size)
        return "it has not the size that it had";
    if (header->tables_size % 8 != 0 || header->tables_size < sizeof(*header) ||
        header->tables_size > IMAGE_MAX_TABLES || header->tables_size > header->pages_offset ||
        header->pages_offset > file_size)
        return "its tables are not inside of it";
    return NULL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool is_page(uint64_t number)
{
    return number % IMAGE_PAGE == 0;
}

static bool is_address(uint64_t address)
{
    return address >= IMAGE_LOWEST && address < IMAGE_HIGHEST;
}

static bool is_range(uint64_t start, uint64_t end)
{
    return is_page(start) && is_page(end) && start >= IMAGE_LOWEST && start < end &&
        end <= IMAGE_HIGHEST;
}

/* ---- tables --------------------------------------------------------------------------------- */

static bool is_table(
    const struct image_header *header, const struct image_table *table, size_t element)
{
    uint64_t size = header->tables_size;

    return table->offset % 8 == 0 && table->offset >= sizeof(*header) && table->offset <= size &&
        table->count <= (size - table->offset) / element;
}

static bool has_tables(const struct image_header *header)
{
    return is_table(header, &header->mappings, sizeof(struct image_mapping)) &&
        is_table(header, &header->runs, sizeof(struct image_run)) &&
        is_table(header, &header->files, sizeof(struct image_file)) &&
        is_table(header, &header->descriptors, sizeof(struct image_descriptor)) &&
        is_table(header, &header->strings, 1) && is_table(header, &header->dependencies, 1) &&
        is_table(header, &header->vdso, 1) && is_table(header, &header->auxv, 1);
}

/* Strings end with a terminator, so that no string continues after them. */
static bool is_terminated(const void *tables, const struct image_table *table)
{
    const char *text = image_elements(tables, table);

    return table->count > 0 && text[table->count - 1] == '\0';
}

static bool has_files(const struct image_header *header, const void *tables)
{
    const struct image_file *files = image_elements(tables, &header->files);

    for (uint64_t i = 0; i < header->files.count; i++)
        if (files[i].path >= header->strings.count)
            return false;
    return header->program >= 1 && header->program <= header->files.count &&
        header->working_directory < header->strings.count;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

/* Only what an open file can have: nothing that would create or truncate one. */
static bool is_descriptor(const struct image_header *header, const void *tables, uint64_t i)
{
    const struct image_descriptor *descriptors = image_elements(tables, &header->descriptors);
    const struct image_descriptor *descriptor = &descriptors[i];
    uint32_t lowest = i == 0 ? STDERR_FILENO + 1 : descriptors[i - 1].number + 1;

    return descriptor->path < header->strings.count && descriptor->offset >= 0 &&
        descriptor->number >= lowest && descriptor->number <= INT16_MAX &&
        (descriptor->flags & IMAGE_NO_OPEN_FLAGS) == 0 && descriptor->same <= i &&
        (descriptor->lock == 0 || descriptor->lock == LOCK_SH || descriptor->lock == LOCK_EX);
}

static bool has_descriptors(const struct image_header *header, const void *tables)
{
    if (header->descriptors.count > IMAGE_MAX_DESCRIPTORS)
        return false;
    for (uint64_t i = 0; i < header->descriptors.count; i++)
        if (!is_descriptor(header, tables, i))
            return false;
    return true;
}

/* ---- mappings ------------------------------------------------------------------------------- */

static bool is_mapping(const struct image_header *header, const struct image_mapping *mapping)
{
    bool is_file = mapping->file > 0;
    uint32_t of_memory = IMAGE_GROWS_DOWN | IMAGE_WIPE_ON_FORK | IMAGE_DROPPABLE;

    if (!is_range(mapping->start, mapping->end) || mapping->file > header->files.count)
        return false;
    if ((mapping->protection & ~(uint32_t)(READ | WRITE | EXECUTE)) != 0 ||
        (mapping->flags & ~(uint32_t)IMAGE_ALL_FLAGS) != 0 || mapping->reserved != 0)
        return false;
    if ((mapping->protection & EXECUTE) && (!is_file || (mapping->protection & WRITE)))
        return false;
    if ((mapping->flags & IMAGE_SHARED) && (!is_file || (mapping->protection & WRITE)))
        return false;
    if (is_file && (mapping->flags & of_memory))
        return false;
    return is_page(mapping->offset) && mapping->offset <= INT64_MAX &&
        (is_file || mapping->offset == 0);
}

static bool has_mappings(const struct image_header *header, const void *tables)
{
    const struct image_mapping *mappings = image_elements(tables, &header->mappings);
    uint64_t end = 0;

    for (uint64_t i = 0; i < header->mappings.count; i++) {
        if (!is_mapping(header, &mappings[i]) || mappings[i].start < end)
            return false;
        end = mappings[i].end;
    }
    return header->mappings.count > 0;
}

/* The mapping that contains the range, from number *at on; or NULL. */
static const struct image_mapping *find_mapping(const struct image_header *header,
    const void *tables, uint64_t *at, uint64_t start, uint64_t size)
{
    const struct image_mapping *mappings = image_elements(tables, &header->mappings);

    while (*at < header->mappings.count && mappings[*at].end <= start)
        (*at)++;
    if (*at == header->mappings.count || mappings[*at].start > start ||
        size > mappings[*at].end - start)
        return NULL;
    return &mappings[*at];
}

/* Whether pages may be put into the mapping: not into code, nor into what must be empty. */
static bool takes_pages(const struct image_mapping *mapping)
{
    uint32_t empty = IMAGE_SHARED | IMAGE_WIPE_ON_FORK | IMAGE_DROPPABLE;

    return mapping && !(mapping->protection & EXECUTE) && !(mapping->flags & empty);
}

static bool has_runs(const struct image_header *header, const void *tables)
{
    const struct image_run *runs = image_elements(tables, &header->runs);
    uint64_t end = 0, at = 0;

    for (uint64_t i = 0; i < header->runs.count; i++) {
        const struct image_run *run = &runs[i];
        if (!is_page(run->start) || !is_page(run->size) || run->size == 0 || run->start < end ||
            (run->flags & ~IMAGE_RUN_MAPPABLE) != 0 ||
            !takes_pages(find_mapping(header, tables, &at, run->start, run->size)))
            return false;
        if (!is_page(run->offset) || run->offset < header->pages_offset ||
            run->offset > header->file_size || run->size > header->file_size - run->offset)
            return false;
        end = run->start + run->size;
    }
    return true;
}

/* ---- what the process continues with -------------------------------------------------------- */

/* Whether the range is in a mapping with all of the protection. */
static bool is_in(const struct image_header *header, const void *tables, uint64_t start,
    uint64_t size, uint32_t protection)
{
    uint64_t at = 0;
    const struct image_mapping *mapping = find_mapping(header, tables, &at, start, size);

    return mapping && (mapping->protection & protection) == protection;
}

static bool is_program(const struct image_header *header, const void *tables, uint64_t address)
{
    uint64_t at = 0;
    const struct image_mapping *mapping = find_mapping(header, tables, &at, address, 1);

    return mapping && mapping->file == header->program && (mapping->protection & EXECUTE);
}

static bool has_registers(const struct image_header *header, const void *tables)
{
    const struct image_registers *registers = &header->registers;

    return is_program(header, tables, registers->rip) && is_program(header, tables, header->land) &&
        is_in(header, tables, registers->rsp, 8, READ | WRITE) && registers->rsp % 8 == 0 &&
        (registers->mxcsr & ~0xffffU) == 0 && (registers->x87 & ~0xffffU) == 0;
}

static bool has_thread(const struct image_header *header, const void *tables)
{
    const uint32_t both = READ | WRITE;
    bool has_rseq = header->rseq != 0;

    return is_in(header, tables, header->thread_pointer, 64, both) && header->thread_id % 4 == 0 &&
        is_in(header, tables, header->thread_id, 4, both) &&
        (header->robust_list == 0 || is_in(header, tables, header->robust_list, 24, both)) &&
        (has_rseq ? header->rseq % 32 == 0 && header->rseq_size == 32 &&
                    is_in(header, tables, header->rseq, 32, both)
                  : header->rseq_size == 0);
}

/* As the kernel checks it for PR_SET_MM_MAP. */
static bool has_layout(const struct image_header *header)
{
    const struct image_layout *layout = &header->layout;

    return is_address(layout->start_code) && is_address(layout->end_code) &&
        is_address(layout->start_data) && is_address(layout->end_data) &&
        is_address(layout->start_brk) && is_address(layout->brk) &&
        is_address(layout->start_stack) && layout->start_code < layout->end_code &&
        layout->start_data <= layout->end_data && layout->start_brk <= layout->brk;
}

/* Whether the range is free of mappings. */
static bool is_free(const struct image_header *header, const void *tables, struct image_range range)
{
    const struct image_mapping *mappings = image_elements(tables, &header->mappings);

    for (uint64_t i = 0; i < header->mappings.count; i++)
        if (mappings[i].start < range.end && range.start < mappings[i].end)
            return false;
    return is_range(range.start, range.end);
}

/* The vDSO and its data are next to each other, because they refer to each other. */
static bool has_vdso(const struct image_header *header, const void *tables)
{
    const struct image_range *vdso = &header->vdso_range;
    uint64_t next = header->n_vvars > 0 ? header->vvars[0].start : 0;

    if (header->n_vvars == 0 || header->n_vvars > IMAGE_MAX_VVARS ||
        !is_free(header, tables, *vdso) || header->vdso.count != vdso->end - vdso->start)
        return false;
    for (uint64_t i = 0; i < header->n_vvars; i++) {
        if (header->vvars[i].start != next || !is_free(header, tables, header->vvars[i]))
            return false;
        next = header->vvars[i].end;
    }
    return next == vdso->start;
}

/* It has strings and dependencies, and nothing that could be mapped or opened. */
static bool is_refusal(const struct image_header *header)
{
    return header->refusal < header->strings.count && header->mappings.count == 0 &&
        header->runs.count == 0 && header->files.count == 0 && header->descriptors.count == 0;
}

const char *image_validate(const void *tables, size_t size)
{
    const struct image_header *header = tables;

    if (size != header->tables_size || image_checksum(tables, size) != header->checksum)
        return "its tables are damaged";
    if (!has_tables(header) || !is_terminated(tables, &header->strings) ||
        header->auxv.count % 16 != 0 || header->auxv.count > 1024)
        return "its tables are invalid";
    if (header->refusal != 0)
        return is_refusal(header) ? NULL : "its tables are invalid";
    if (!has_files(header, tables))
        return "its table of files is invalid";
    if (!has_descriptors(header, tables))
        return "its table of descriptors is invalid";
    if (!has_mappings(header, tables))
        return "its table of mappings is invalid";
    if (!is_page(header->pages_offset) || !has_runs(header, tables))
        return "its table of pages is invalid";
    if (!has_registers(header, tables) || !has_thread(header, tables) || header->umask > 0777)
        return "its registers are invalid";
    if (!has_layout(header) || !has_vdso(header, tables))
        return "its layout is invalid";
    return NULL;
}
