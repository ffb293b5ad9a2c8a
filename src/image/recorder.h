#pragma once

/* Makes the record of what an import depends on (dependencies.h), while the import runs.
 *
 * Each path is recorded when the import first looks at it, before it sees anything there. Once the
 * import has ended, dependencies_check tells whether all is still as it was then: if so, the import
 * has seen nothing else. If not, the import itself or somebody else has changed it, and the record
 * is of no use.
 *
 * What is recorded of a path, and what is not:
 *
 * - Nothing below /proc, /sys and /dev (but /dev/shm), nor of a link that leads to such a file: the
 *   kernel makes that up for each reader, so it has no identity. Processor features and the like
 *   are for others to compare.
 * - Of a directory, also the symbolic links that lead to it.
 * - A file that is only written, or emptied first, is no dependency: a log for example. One that is
 *   opened for reading and writing is, for nobody knows whether it is read.
 * - A path that the import creates where nothing may be (O_EXCL, mkdir(2)) is its own, with all
 *   below: a temporary file or a lock. Only its absence before is recorded. It has to be gone at
 *   the end, or all processes of the image would share it (recorder_finish). Bytecode is written
 *   under such a name, and renamed.
 *
 * A file that was changed just now could be changed again without getting another time, within one
 * tick of the kernel's clock. Then a function waits until the tick has passed.
 */

#include "base/problem.h"
#include "base/slice.h"
#include "image/dependencies.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorder {
    char *data; /* the record, on the heap */
    size_t size, capacity;
    uint32_t *slots; /* a hash table: positions of entries with a path, or 0 */
    size_t slot_count, path_count;
    char *own; /* strings: the paths that the import has created */
    size_t own_size;
    uint64_t devices[2];    /* of /proc and /sys */
    unsigned waited;        /* ms, for files to come to rest */
    int failure;            /* 0 or -errno: the record is incomplete */
    struct problem problem; /* why */
};

/* Begins a record with the options, variables and facts of this process: see dependencies_check.
 * Errors show up in recorder_finish. Call recorder_done in any case. */
void recorder_init(struct recorder *ret, char *const *arguments, char *const *environment);
void recorder_done(struct recorder *recorder);

/* The import is about to look at an absolute path, the names in a directory, or (LINK) a symbolic
 * link itself. Kinds: FILE, LINK, LISTING. May block for some ms, and seconds in all. */
void recorder_look(struct recorder *recorder, enum dependency_kind kind, const char *path);

/* It is about to create the path, which works only if nothing is there. */
void recorder_create(struct recorder *recorder, const char *path);

/* It is about to open a file only to write. `creates`: the file, if there is none. */
void recorder_write(struct recorder *recorder, const char *path, bool creates);

/* Something happened that cannot be recorded. Keeps the first text. */
void recorder_fail(struct recorder *recorder, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The import has ended. Returns 0 and the record, which borrows from the recorder; or -errno with a
 * problem: the record is incomplete, or (-EEXIST) a path that the import has created is left. */
int recorder_finish(
    struct recorder *recorder, struct slice *ret_record, struct problem *ret_problem);
