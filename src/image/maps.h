#pragma once

/* Parses what the kernel tells about the memory of a process: /proc/PID/maps, /proc/PID/smaps and
 * /proc/PID/pagemap, see proc(5). Pure: bytes in, structs out. */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mapping_kind {
    MAPPING_ANONYMOUS, /* also the heap, and memory that a program has named */
    MAPPING_STACK,
    MAPPING_FILE,
    MAPPING_VDSO,
    MAPPING_VVAR,     /* data of the vDSO; there may be several */
    MAPPING_VSYSCALL, /* the same in all processes */
    MAPPING_OTHER,
};

enum mapping_protection {
    MAPPING_READ = 1,
    MAPPING_WRITE = 2,
    MAPPING_EXECUTE = 4,
};

/* What VmFlags says, which only smaps has. Flags without a meaning here are left out. */
enum mapping_flags {
    MAPPING_GROWS_DOWN = 1 << 0,
    MAPPING_NO_RESERVE = 1 << 1,
    MAPPING_WIPE_ON_FORK = 1 << 2,
    MAPPING_DROPPABLE = 1 << 3,
    MAPPING_DONT_DUMP = 1 << 4,
    MAPPING_HUGE_PAGES = 1 << 5,
    MAPPING_NO_HUGE_PAGES = 1 << 6,
    MAPPING_MAY_WRITE = 1 << 7,
    MAPPING_DEVICE = 1 << 8,     /* memory of a device */
    MAPPING_UNKNOWN = 1 << 9,    /* of hugetlbfs, a shadow stack, watched by userfaultfd(2) */
    MAPPING_HAS_FLAGS = 1 << 10, /* there was a line VmFlags */
};

struct mapping {
    uint64_t start, end; /* multiples of a page; start < end */
    uint64_t offset;     /* in the file */
    uint64_t inode;      /* 0: no file */
    struct slice name;   /* borrowed from the text; a path, "[heap]" or the like, or empty */
    enum mapping_kind kind;
    unsigned protection;
    unsigned flags;
    unsigned key; /* of pkeys(7); 0 unless the program uses them */
    bool is_shared;
    bool is_deleted; /* the file has no name any more; `name` is without " (deleted)" */
};

/* Takes the next mapping from *text, the content of maps or smaps: a line, and the lines about the
 * same mapping that follow it. Returns 1; 0 at the end; or -EINVAL if the text has another form. */
int maps_next(struct slice *text, struct mapping *ret);

/* Whether the page of an entry of pagemap is the process's own: it is not, or not any more, the
 * page of a file, so that its content has to be kept. */
bool maps_is_own_page(uint64_t entry);

/* Whether the page is a guard (MADV_GUARD_INSTALL), which cannot be read. Linux 6.15 tells. */
bool maps_is_guard(uint64_t entry);
