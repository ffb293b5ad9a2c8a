#pragma once

/* The tables of an image, made from the memory of this process. */

#include "image/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct problem;

enum {
    INVENTORY_MAX_MAPPINGS = 65536,
    INVENTORY_MAX_FILES = 16384,
    INVENTORY_MAX_RUNS = 1 << 19,
    INVENTORY_MAX_STRINGS = 4 << 20,
    INVENTORY_MAX_TEXT = 48 << 20, /* of /proc/self/smaps */
};

/* Much of it stays untouched; allocate it with mmap(2). */
struct inventory {
    struct image_mapping mappings[INVENTORY_MAX_MAPPINGS];
    struct image_file files[INVENTORY_MAX_FILES];
    struct image_run runs[INVENTORY_MAX_RUNS];
    struct image_descriptor descriptors[IMAGE_MAX_DESCRIPTORS];
    char strings[INVENTORY_MAX_STRINGS];
    char text[INVENTORY_MAX_TEXT];
    size_t n_mappings, n_files, n_runs, n_descriptors, strings_size;
    uint64_t pages;   /* stored */
    uint64_t barrier; /* the end of the last guard page, over which no run extends */
    struct image_range vdso;
    struct image_range heap; /* of brk(2) */
    struct image_range vvars[IMAGE_MAX_VVARS];
    size_t n_vvars;
};

/* Without touching all of its memory. */
void inventory_clear(struct inventory *inventory);

/* Adds a string. Returns its offset, or 0 if there is no room; offset 0 is the empty string. */
uint64_t inventory_add_string(struct inventory *inventory, const char *string, size_t size);

/* Fills in mappings and files; *inventory is zeroed, and `own` is the memory that holds it, which
 * is left out. Does not allocate. Returns 0, or 1 with *ret_problem, which names a mapping that an
 * image cannot hold. */
int inventory_mappings(
    struct inventory *inventory, const struct image_range *own, struct problem *ret_problem);

/* Fills in the descriptors that are open beside the standard streams. Does not allocate. Returns 0,
 * or 1 with *ret_problem, which names one that an image cannot hold. */
int inventory_descriptors(struct inventory *inventory, struct problem *ret_problem);

/* Fills in the runs of pages that are the process's own, without offsets, in order. Makes memory
 * readable that is not, and never writes to memory outside of *inventory. Returns 0, or 1 with
 * *ret_problem. */
int inventory_pages(struct inventory *inventory, struct problem *ret_problem);
