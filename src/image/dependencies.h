#pragma once

/* What an image depends on, and whether all of that is still so: only then does the image fit.
 *
 * The record of it is a sequence of bytes that the image contains. Entries have a kind and a text:
 *
 *   OPTION    an option, VARIABLE: an environment variable, FACT: see circumstances.h
 *   FILE      a path that was followed to what it leads to, and the identity of that (identity.h)
 *   LINK      a path of which the last component was not followed, if it is a symbolic link
 *   LISTING   the path of a directory whose names were read
 *
 * A path that was looked for in vain has the error in place of an identity. Entries with a path
 * have any order, but come after the others. recorder.h makes a record, survey.h finds out what
 * belongs to it.
 *
 * Here nothing allocates, and nothing needs Python or libsystemd: the check stands between a
 * request and its answer.
 */

#include "base/slice.h"
#include "image/identity.h"

#include <stdint.h>

struct problem;

enum dependency_kind {
    DEPENDENCY_OPTION = 1,
    DEPENDENCY_VARIABLE,
    DEPENDENCY_FACT,
    DEPENDENCY_FILE,
    DEPENDENCY_LINK,
    DEPENDENCY_LISTING,
};

static inline bool dependency_has_path(enum dependency_kind kind)
{
    return kind >= DEPENDENCY_FILE;
}

struct dependency {
    enum dependency_kind kind;
    int error;                /* of a path: errno of looking for it, or 0 */
    const char *text;         /* a string in the record */
    struct identity identity; /* of a path with error 0, else zeros */
};

/* Checks that the bytes, which may come from anywhere, are a record: sizes, kinds, order, and
 * strings. What a valid record says may still be nonsense, which does not fit. Returns 0, or
 * -EBADMSG with a problem. */
int dependencies_validate(struct slice record, struct problem *ret_problem);

/* Iterates over a valid record: *position is 0 at first. Returns false at the end. The strings
 * borrow from the record. */
bool dependencies_next(struct slice record, size_t *position, struct dependency *ret);

/* Returns 0 if everything is as the record says. Returns 1 if not, or if the record is invalid,
 * with *ret_problem: one line that names the first difference found, and no values of variables.
 *
 * arguments: argv without the program's name; environment: like environ(7). Blocks as long as the
 * file systems do: it makes one stat(2) for each path, and lists a directory only if its times have
 * changed. */
int dependencies_check(struct slice record, char *const *arguments, char *const *environment,
    struct problem *ret_problem);

/* The same for the paths only: for a process whose import may have changed its working directory,
 * or its environment. */
int dependencies_check_paths(struct slice record, struct problem *ret_problem);

/* The number of paths in a valid record, for messages. */
size_t dependencies_count_paths(struct slice record);

/* ---- the format, for recorder.c ----------------------------------------------------------------
 *
 * A head, then the entries: each an entry head, the text with its NUL, zeros up to a multiple of 8,
 * and, if a path was found, its identity. In the order of bytes of the machine: an image never
 * leaves it. */

#define DEPENDENCIES_MAGIC "WSGIFIT" /* with its terminator: 8 bytes */

struct dependencies_head {
    char magic[8];
    uint64_t size; /* of the record */
};

struct dependencies_entry {
    uint16_t kind;
    uint16_t error;
    uint32_t text_size; /* with its NUL */
};

static inline size_t dependencies_pad(size_t size)
{
    return (size + 7) & ~(size_t)7;
}
