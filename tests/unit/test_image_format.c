/* Tests src/image/format.h: a valid image, and one for each thing that can be wrong with it. */

#include "image/format.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/file.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
enum { READ = 1, WRITE = 2, EXECUTE = 4 };

/* An image with all tables. */
struct sample {
    struct image_header header;
    struct image_mapping mappings[5];
    struct image_run runs[3];
    struct image_file files[2];
    struct image_descriptor descriptors[3];
    char strings[16];
    char dependencies[16];
    char vdso[4096];
    uint64_t auxv[4];
};

#define CODE UINT64_C(0x555500000000)
#define DATA UINT64_C(0x555500010000)
#define LIBRARY UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffc00000000)
#define VVAR UINT64_C(0x7ffc10000000)

static struct image_table table_at(size_t offset, size_t count)
{
    return (struct image_table){.offset = offset, .count = count};
}

static void fill_tables(struct sample *sample)
{
    struct image_header *header = &sample->header;

    header->mappings = table_at(offsetof(struct sample, mappings), LENGTH(sample->mappings));
    header->runs = table_at(offsetof(struct sample, runs), LENGTH(sample->runs));
    header->files = table_at(offsetof(struct sample, files), LENGTH(sample->files));
    header->descriptors =
        table_at(offsetof(struct sample, descriptors), LENGTH(sample->descriptors));
    header->strings = table_at(offsetof(struct sample, strings), sizeof(sample->strings));
    header->dependencies =
        table_at(offsetof(struct sample, dependencies), sizeof(sample->dependencies));
    header->vdso = table_at(offsetof(struct sample, vdso), sizeof(sample->vdso));
    header->auxv = table_at(offsetof(struct sample, auxv), sizeof(sample->auxv));
}

static void fill_elements(struct sample *sample)
{
    const struct image_mapping mappings[] = {
        {.start = CODE, .end = CODE + 0x4000, .file = 1, .protection = READ | EXECUTE},
        {.start = DATA, .end = DATA + 0x4000, .protection = READ | WRITE},
        {.start = LIBRARY,
            .end = LIBRARY + 0x4000,
            .offset = 0x1000,
            .file = 2,
            .protection = READ},
        {.start = LIBRARY + 0x4000,
            .end = LIBRARY + 0x5000,
            .protection = READ | WRITE,
            .flags = IMAGE_WIPE_ON_FORK},
        {.start = STACK,
            .end = STACK + 0x21000,
            .protection = READ | WRITE,
            .flags = IMAGE_GROWS_DOWN},
    };
    const uint64_t pages = (sizeof(*sample) + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
    const struct image_run runs[] = {
        {.start = DATA, .size = 0x2000, .offset = pages},
        {.start = LIBRARY + 0x1000, .size = 0x1000, .offset = pages + 0x2000},
        {.start = STACK + 0x20000, .size = 0x1000, .offset = pages + 0x3000},
    };

    const struct image_descriptor descriptors[] = {
        {.path = 1, .number = 3, .flags = O_WRONLY | O_APPEND | O_CLOEXEC, .lock = LOCK_EX},
        {.path = 8, .number = 5, .offset = 100},
        {.path = 8, .number = 6, .offset = 100, .same = 2},
    };

    memcpy(sample->mappings, mappings, sizeof(mappings));
    memcpy(sample->descriptors, descriptors, sizeof(descriptors));
    memcpy(sample->runs, runs, sizeof(runs));
    sample->files[0].path = 1;
    sample->files[1].path = 8;
    memcpy(sample->strings, "\0/usr/a\0/usr/b\0", 16);
    sample->header.pages_offset = pages;
    sample->header.file_size = pages + 0x4000;
}

static void fill_state(struct image_header *header)
{
    header->program = 1;
    header->working_directory = 1;
    header->registers.rsp = STACK + 0x20100;
    header->registers.rip = CODE + 0x100;
    header->registers.mxcsr = 0x1f80;
    header->registers.x87 = 0x37f;
    header->layout = (struct image_layout){
        CODE, CODE + 0x3000, DATA, DATA + 0x1000, DATA + 0x2000, DATA + 0x4000, STACK + 0x20800};
    header->land = CODE + 0x200;
    header->thread_pointer = DATA + 0x1000;
    header->thread_id = DATA + 0x1100;
    header->robust_list = DATA + 0x1200;
    header->robust_list_size = 24;
    header->rseq = DATA + 0x1400;
    header->rseq_size = 32;
    header->n_vvars = 2;
    header->vvars[0] = (struct image_range){VVAR, VVAR + 0x4000};
    header->vvars[1] = (struct image_range){VVAR + 0x4000, VVAR + 0x6000};
    header->vdso_range = (struct image_range){VVAR + 0x6000, VVAR + 0x7000};
}

static void sample_init(struct sample *sample)
{
    struct image_header *header = &sample->header;

    memset(sample, 0, sizeof(*sample));
    memcpy(header->magic, IMAGE_MAGIC, sizeof(header->magic));
    header->version = IMAGE_VERSION;
    header->machine = IMAGE_X86_64;
    header->tables_size = sizeof(*sample);
    fill_tables(sample);
    fill_elements(sample);
    fill_state(header);
}

static const char *validate(struct sample *sample, uint64_t file_size)
{
    const char *problem = image_validate_header(&sample->header, file_size);

    sample->header.checksum = image_checksum(sample, sizeof(*sample));
    return problem ? problem : image_validate(sample, sizeof(*sample));
}

/* ---- one change ----------------------------------------------------------------------------- */

/* Sets the member of 4 or 8 bytes. */
#define CHANGE(member, value)                                                                      \
    {                                                                                              \
#        member " = " #        value, offsetof(struct sample, member),                             \
            sizeof(((struct sample *)0)->member), value                                            \
    }

static const struct change {
    const char *name;
    size_t offset, size;
    uint64_t value;
} changes[] = {
    CHANGE(header.version, IMAGE_VERSION + 1),
    CHANGE(header.machine, 183),
    CHANGE(header.file_size, 4096),
    CHANGE(header.tables_size, 8),
    CHANGE(header.tables_size, sizeof(struct sample) + 8),
    CHANGE(header.tables_size, UINT64_MAX - 7),
    CHANGE(header.pages_offset, 8),
    CHANGE(header.pages_offset, UINT64_MAX),
    CHANGE(header.mappings.offset, 0),
    CHANGE(header.mappings.offset, offsetof(struct sample, mappings) + 1),
    CHANGE(header.mappings.offset, UINT64_MAX - 7),
    CHANGE(header.mappings.count, 0),
    CHANGE(header.mappings.count, UINT64_MAX),
    CHANGE(header.mappings.count, UINT64_MAX / sizeof(struct image_mapping) + 2),
    CHANGE(header.runs.offset, sizeof(struct sample) + 8),
    CHANGE(header.runs.count, 1000),
    CHANGE(header.runs.count, UINT64_MAX / sizeof(struct image_run) + 2),
    CHANGE(header.files.offset, 3),
    CHANGE(header.files.count, 0),
    CHANGE(header.files.count, 1),
    CHANGE(header.files.count, UINT64_MAX),
    CHANGE(header.strings.count, 0),
    CHANGE(header.strings.count, 3),
    CHANGE(header.strings.count, UINT64_MAX),
    CHANGE(header.dependencies.count, UINT64_MAX),
    CHANGE(header.dependencies.offset, UINT64_MAX - 7),
    CHANGE(header.vdso.count, 2048),
    CHANGE(header.vdso.offset, UINT64_MAX - 7),
    CHANGE(header.auxv.count, 8),
    CHANGE(header.auxv.count, 4096),
    CHANGE(header.program, 0),
    CHANGE(header.program, 2),
    CHANGE(header.program, 3),
    CHANGE(header.working_directory, 16),
    CHANGE(header.umask, 01000),
    CHANGE(header.registers.rip, LIBRARY),
    CHANGE(header.registers.rip, DATA),
    CHANGE(header.registers.rip, 0),
    CHANGE(header.registers.rsp, CODE),
    CHANGE(header.registers.rsp, STACK + 0x21000),
    CHANGE(header.registers.rsp, STACK + 1),
    CHANGE(header.registers.mxcsr, 0x10000),
    CHANGE(header.registers.x87, 0x10000),
    CHANGE(header.layout.start_code, 0),
    CHANGE(header.layout.end_code, CODE),
    CHANGE(header.layout.end_data, UINT64_MAX),
    CHANGE(header.layout.brk, DATA),
    CHANGE(header.layout.start_stack, IMAGE_HIGHEST),
    CHANGE(header.land, CODE + 0x4000),
    CHANGE(header.land, STACK),
    CHANGE(header.thread_pointer, LIBRARY),
    CHANGE(header.thread_pointer, DATA + 0x3ff0),
    CHANGE(header.thread_id, DATA + 0x1101),
    CHANGE(header.thread_id, 4),
    CHANGE(header.robust_list, 8),
    CHANGE(header.rseq, DATA + 0x1404),
    CHANGE(header.rseq, LIBRARY),
    CHANGE(header.rseq_size, 64),
    CHANGE(header.rseq, 0),
    CHANGE(header.n_vvars, 0),
    CHANGE(header.n_vvars, 1),
    CHANGE(header.n_vvars, 9),
    CHANGE(header.n_vvars, UINT64_MAX),
    CHANGE(header.vvars[0].start, VVAR + 1),
    CHANGE(header.vvars[0].start, VVAR + 0x4000),
    CHANGE(header.vvars[1].start, VVAR + 0x5000),
    CHANGE(header.vdso_range.start, STACK),
    CHANGE(header.vdso_range.end, VVAR + 0x9000),
    CHANGE(mappings[0].start, CODE + 1),
    CHANGE(mappings[0].start, 0),
    CHANGE(mappings[0].end, CODE),
    CHANGE(mappings[0].end, DATA + 0x1000),
    CHANGE(mappings[0].file, 0),
    CHANGE(mappings[0].file, 3),
    CHANGE(mappings[0].protection, READ | WRITE | EXECUTE),
    CHANGE(mappings[0].flags, 1 << 8),
    CHANGE(mappings[0].reserved, 1),
    CHANGE(mappings[0].offset, 1),
    CHANGE(mappings[0].offset, (uint64_t)1 << 63),
    CHANGE(mappings[0].flags, IMAGE_GROWS_DOWN),
    CHANGE(mappings[1].protection, 8),
    CHANGE(mappings[1].protection, EXECUTE),
    CHANGE(mappings[1].flags, IMAGE_SHARED),
    CHANGE(mappings[1].flags, IMAGE_DROPPABLE),
    CHANGE(mappings[1].offset, 4096),
    CHANGE(mappings[2].flags, IMAGE_SHARED),
    CHANGE(mappings[4].end, UINT64_MAX - 4095),
    CHANGE(mappings[4].end, IMAGE_HIGHEST + 0x1000),
    CHANGE(runs[0].start, DATA + 1),
    CHANGE(runs[0].start, DATA - 0x1000),
    CHANGE(runs[0].start, CODE),
    CHANGE(runs[0].size, 0),
    CHANGE(runs[0].size, 100),
    CHANGE(runs[0].size, 0x5000),
    CHANGE(runs[0].size, UINT64_MAX - 4095),
    CHANGE(runs[0].offset, 0),
    CHANGE(runs[0].offset, UINT64_MAX - 4095),
    CHANGE(runs[0].offset, 4097),
    CHANGE(runs[0].flags, 2),
    CHANGE(runs[1].start, LIBRARY + 0x4000),
    CHANGE(runs[1].start, DATA),
    CHANGE(runs[2].start, STACK + 0x21000),
    CHANGE(runs[2].size, 0x2000),
    CHANGE(files[0].path, 16),
    CHANGE(files[1].path, UINT64_MAX),
    CHANGE(header.descriptors.offset, UINT64_MAX - 7),
    CHANGE(header.descriptors.count, UINT64_MAX / sizeof(struct image_descriptor) + 2),
    CHANGE(descriptors[0].path, 16),
    CHANGE(descriptors[0].number, 2),
    CHANGE(descriptors[0].number, 5),
    CHANGE(descriptors[2].number, 1 << 15),
    CHANGE(descriptors[0].flags, O_CREAT),
    CHANGE(descriptors[0].flags, O_TRUNC),
    CHANGE(descriptors[0].flags, O_TMPFILE),
    CHANGE(descriptors[0].lock, LOCK_UN),
    CHANGE(descriptors[0].lock, LOCK_EX | LOCK_NB),
    CHANGE(descriptors[0].same, 1),
    CHANGE(descriptors[1].offset, UINT64_MAX),
    CHANGE(descriptors[2].same, 3),
};

static void test_changes(struct sample *sample)
{
    for (size_t i = 0; i < LENGTH(changes); i++) {
        const struct change *change = &changes[i];
        sample_init(sample);
        uint64_t size = sample->header.file_size;
        memcpy((char *)sample + change->offset, &change->value, change->size);
        unit_case("refused: %s", change->name);
        unit_ok(validate(sample, size) != NULL, "refused");
    }
}

static void test_valid(struct sample *sample)
{
    unit_case("a valid image");
    sample_init(sample);
    const char *problem = validate(sample, sample->header.file_size);
    unit_ok(!problem, "valid, not: %s", problem ? problem : "");
    sample->header.rseq = sample->header.rseq_size = 0;
    unit_ok(!validate(sample, sample->header.file_size), "without rseq");
    sample->header.robust_list = 0;
    unit_ok(!validate(sample, sample->header.file_size), "without a robust list");
}

static void test_sum(struct sample *sample)
{
    unit_case("each byte is part of the checksum");
    sample_init(sample);
    validate(sample, sample->header.file_size);
    size_t missed = 0;
    for (size_t i = 0; i < sizeof(*sample); i++) {
        ((char *)sample)[i] ^= 0x40;
        missed += !image_validate(sample, sizeof(*sample));
        ((char *)sample)[i] ^= 0x40;
    }
    unit_same_number("missed", missed, 0);
    unit_ok(!image_validate(sample, sizeof(*sample)), "the control");
}

static void test_short(struct sample *sample)
{
    unit_case("an image that is cut off");
    sample_init(sample);
    uint64_t size = sample->header.file_size;
    for (uint64_t i = 0; i < size; i++)
        if (!image_validate_header(&sample->header, i)) {
            unit_ok(false, "refused at %zu", (size_t)i);
            return;
        }
    unit_ok(!image_validate_header(&sample->header, size), "the control");
    memcpy(sample->header.magic, "WSGIIMH", 8);
    unit_ok(image_validate_header(&sample->header, size) != NULL, "another magic number");
}

int main(void)
{
    struct sample *sample = malloc(sizeof(*sample));

    if (!sample)
        return 1;
    test_valid(sample);
    test_changes(sample);
    test_sum(sample);
    test_short(sample);
    free(sample);
    return unit_done();
}
