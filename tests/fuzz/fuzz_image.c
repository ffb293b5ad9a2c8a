/* Fuzzes what reads an image, and what reads /proc. The first byte of the input selects: "M" for
 * the text of /proc/PID/smaps, any other byte for the tables of an image, which get a checksum.
 * What is valid must be safe to use: nothing outside of the tables and the file is referred to. */

#include "image/format.h"
#include "image/maps.h"

#include "fuzz.h"

#include <stdbool.h>

static void check_maps(struct slice text)
{
    struct mapping mapping;

    while (maps_next(&text, &mapping) > 0)
        FUZZ_ASSERT(mapping.start < mapping.end && (mapping.start | mapping.end) % 4096 == 0);
}

/* Whether the pages are in one mapping. */
static bool is_in_mapping(const struct image_header *header, const struct image_run *run)
{
    const struct image_mapping *mappings = image_elements(header, &header->mappings);

    for (uint64_t i = 0; i < header->mappings.count; i++)
        if (mappings[i].start <= run->start && run->start + run->size <= mappings[i].end)
            return true;
    return false;
}

static void check_runs(const struct image_header *header)
{
    const struct image_run *runs = image_elements(header, &header->runs);

    for (uint64_t i = 0; i < header->runs.count; i++) {
        FUZZ_ASSERT(is_in_mapping(header, &runs[i]));
        FUZZ_ASSERT(runs[i].offset + runs[i].size <= header->file_size);
        FUZZ_ASSERT(i == 0 || runs[i].start >= runs[i - 1].start + runs[i - 1].size);
    }
}

/* Reads all strings and tables, for the sanitizer. */
static size_t use_tables(const struct image_header *header)
{
    if (header->refusal != 0) {
        const char *reasons = image_elements(header, &header->strings);
        return strlen(reasons + header->refusal);
    }

    const struct image_file *files = image_elements(header, &header->files);
    const struct image_descriptor *descriptors = image_elements(header, &header->descriptors);
    const char *strings = image_elements(header, &header->strings);
    const char *dependencies = image_elements(header, &header->dependencies);
    const char *vdso = image_elements(header, &header->vdso);
    size_t used =
        strlen(strings + header->working_directory) + (size_t)vdso[header->vdso.count - 1];

    for (uint64_t i = 0; i < header->files.count; i++)
        used += strlen(strings + files[i].path);
    for (uint64_t i = 0; i < header->descriptors.count; i++) {
        used += strlen(strings + descriptors[i].path);
        FUZZ_ASSERT(descriptors[i].number > 2 && descriptors[i].same <= i);
        FUZZ_ASSERT(i == 0 || descriptors[i].number > descriptors[i - 1].number);
    }
    for (uint64_t i = 0; i < header->dependencies.count; i++)
        used += (size_t)dependencies[i];
    return used + (size_t)files[header->program - 1].size;
}

static void complete(struct image_header *header, size_t size)
{
    memcpy(header->magic, IMAGE_MAGIC, sizeof(header->magic));
    header->version = IMAGE_VERSION;
    header->machine = IMAGE_X86_64;
    header->tables_size = size;
    header->checksum = image_checksum(header, size);
}

static void check_image(struct slice input)
{
    size_t size = input.size / 8 * 8;
    struct image_header *header = (void *)fuzz_copy(input.data, size);

    if (size >= sizeof(*header))
        complete(header, size);
    if (size >= sizeof(*header) && !image_validate_header(header, header->file_size) &&
        !image_validate(header, size)) {
        check_runs(header);
        FUZZ_ASSERT(use_tables(header) < SIZE_MAX);
    }
    free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};

    if (size == 0)
        return 0;
    if (data[0] == 'M')
        check_maps(slice_after(input, 1));
    else
        check_image(slice_after(input, 1));
    return 0;
}
