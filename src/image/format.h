#pragma once

/* The format of an image: a file with the memory of a process, and what else is needed to continue
 * in another one. Pure: the validator reads memory only.
 *
 *     header         at offset 0
 *     tables         right after it, each at a multiple of 8; `tables_size` includes the header
 *     pages          from `pages_offset` on, to the end of the file
 *
 * All numbers are in the machine's order. A file is used only by the program that wrote it, so
 * the version is for programs that happen to have the same size and times.
 *
 * A refusal is a file in place of an image that the app cannot have: it has no pages, and only
 * strings and dependencies in its tables. */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC "WSGIIMG" /* with its terminator: 8 bytes */

enum {
    IMAGE_VERSION = 5,
    IMAGE_PAGE = 4096,
    IMAGE_X86_64 = 62, /* EM_X86_64 of elf(5) */
    IMAGE_MAX_TABLES = 64 << 20,
    IMAGE_MAX_VVARS = 8,
    IMAGE_MAX_DESCRIPTORS = 1024,
};

/* Addresses at which a program can have memory on x86-64. */
#define IMAGE_LOWEST UINT64_C(0x10000)
#define IMAGE_HIGHEST UINT64_C(0x7ffffffff000)

/* Flags of a mapping, beside its protection (PROT_*). */
enum image_mapping_flags {
    IMAGE_SHARED = 1 << 0, /* a file that is only read */
    IMAGE_GROWS_DOWN = 1 << 1,
    IMAGE_NO_RESERVE = 1 << 2,
    IMAGE_WIPE_ON_FORK = 1 << 3,
    IMAGE_DROPPABLE = 1 << 4,
    IMAGE_DONT_DUMP = 1 << 5,
    IMAGE_HUGE_PAGES = 1 << 6,
    IMAGE_NO_HUGE_PAGES = 1 << 7,
    IMAGE_ALL_FLAGS = (1 << 8) - 1,
};

struct image_mapping {
    uint64_t start, end;
    uint64_t offset;     /* in the file */
    uint32_t file;       /* its number in the table, from 1 on; 0: anonymous memory */
    uint32_t protection; /* PROT_READ, PROT_WRITE, PROT_EXEC */
    uint32_t flags;
    uint32_t reserved; /* 0 */
};

/* Pages that differ from what their mapping contains at first. */
struct image_run {
    uint64_t start, size;
    uint64_t offset; /* in the image */
    uint64_t flags;  /* IMAGE_RUN_* */
};

/* The pages can be mapped from the image instead of read: see placement.c. */
#define IMAGE_RUN_MAPPABLE UINT64_C(1)

/* A mapped file, and how to know that it has not changed. */
struct image_file {
    uint64_t device, inode, size;
    int64_t modified, changed; /* nanoseconds */
    uint64_t path;             /* offset in the table of strings */
};

/* Flags of open(2) that are about creating a file, or about signals. */
#define IMAGE_NO_OPEN_FLAGS                                                                        \
    ((uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_ASYNC | (O_TMPFILE & ~O_DIRECTORY)))

/* A file, directory or device that the import has left open. */
struct image_descriptor {
    uint64_t path; /* offset in the table of strings */
    uint64_t device, inode;
    int64_t born;  /* nanoseconds, or 0 if the file system does not know: numbers are used again */
    uint64_t kind; /* S_IFMT of the mode */
    int64_t offset;
    uint32_t number; /* of the descriptor: 3 or more */
    uint32_t flags;  /* of open(2) */
    uint32_t lock;   /* of flock(2): LOCK_SH, LOCK_EX, or 0 */
    uint32_t same;   /* which element, from 1 on, has the same open file description; or 0 */
};

/* A part of the tables. */
struct image_table {
    uint64_t offset; /* in the file */
    uint64_t count;  /* of elements; of bytes for strings, dependencies, vdso, auxv */
};

struct image_registers {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
    uint32_t mxcsr, x87; /* the control words, which a call preserves */
};

/* Of prctl(2), PR_SET_MM_MAP. The arguments and the environment are the new process's. */
struct image_layout {
    uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
};

struct image_range {
    uint64_t start, end;
};

struct image_header {
    char magic[8];
    uint32_t version;
    uint32_t machine;
    uint64_t file_size;
    uint64_t tables_size;
    uint64_t pages_offset;
    uint64_t checksum; /* of header and tables, with 0 in this place */
    int64_t created;   /* seconds since 1970 */
    int64_t booted;    /* when the system was started, likewise */
    uint64_t refusal;  /* offset in the table of strings: why there is no image; or 0 */

    struct image_table mappings, runs, files, descriptors, strings, dependencies, vdso, auxv;
    uint64_t program;           /* the number of the program's file, from 1 on */
    uint64_t working_directory; /* offset in the table of strings */
    uint64_t umask;
    int64_t importer, freezer; /* process IDs: who imported, and who wrote the image */

    struct image_registers registers;
    struct image_layout layout;
    uint64_t land; /* the address of image_land() */
    uint64_t thread_pointer;
    uint64_t thread_id; /* the address where the C library keeps it */
    uint64_t robust_list, robust_list_size;
    uint64_t rseq, rseq_size; /* 0: not registered */
    struct image_range vdso_range;
    struct image_range vvars[IMAGE_MAX_VVARS];
    uint64_t n_vvars;
};

/* The sum of header and tables, for `checksum`. It detects accidents, not attacks. tables: aligned
 * to 8, as is the size. */
uint64_t image_checksum(const void *tables, size_t size);

/* Checks the beginning of a file, `size` bytes. Returns NULL, or what is wrong (static). After that
 * tables_size may be used: it is at least the size of the header, at most IMAGE_MAX_TABLES and at
 * most the size of the file. */
const char *image_validate_header(const struct image_header *header, uint64_t file_size);

/* Checks everything that the header and the tables refer to: `size` is tables_size, and `tables`
 * is aligned to 8. Returns NULL, or what is wrong (static). After that, all offsets and counts are
 * inside of the tables and the file, but what the dependencies are (dependencies_validate) is not
 * looked at; strings end; mappings, runs and descriptors are in order; mappings and runs do not
 * overlap, and runs are inside of writable or at least private mappings. */
const char *image_validate(const void *tables, size_t size);

/* Memory of this process that has this address. */
__attribute__((always_inline)) static inline void *image_pointer(uint64_t address)
{
    return (void *)address; /* NOLINT(performance-no-int-to-ptr) */
}

/* The elements of a table that was validated. */
static inline const void *image_elements(const void *tables, const struct image_table *table)
{
    return (const char *)tables + table->offset;
}
