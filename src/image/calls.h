#pragma once

/* The system calls by which a process finds out about files, and which arguments name them.
 *
 * Not here are calls that only change files (chmod, truncate, ...): what they do to a path that the
 * import has looked at shows when the import has ended. */

#include <stddef.h>
#include <stdint.h>

enum call_kind {
    CALL_FOLLOW,   /* looks at what the path leads to */
    CALL_LINK,     /* looks at a symbolic link itself */
    CALL_AT_FLAGS, /* FOLLOW, or LINK with AT_SYMLINK_NOFOLLOW in the flags */
    CALL_EXECUTE,  /* runs the program */
    CALL_OPEN,     /* flags like open(2) */
    CALL_OPENAT2,  /* the flags argument points to a struct open_how */
    CALL_CREATE,   /* creates the path, which must not exist */
    CALL_TAKE,     /* removes or renames the path, and fails if there is none */
    CALL_RENAME,   /* CREATE with RENAME_NOREPLACE in the flags, otherwise nothing */
    CALL_LIST,     /* reads the names in the directory that is open as descriptor `directory` */
    CALL_REFUSED,  /* afterwards, paths mean something else, or files are open without a path */
};

struct call {
    int number;
    enum call_kind kind;
    int directory; /* the argument that is a descriptor of a directory, or -1 */
    int path;      /* the argument that is a path, or -1 */
    int flags;     /* the argument with the flags, or -1 */
    const char *name;
};

/* All of them, in no order. Returns their number, which is less than 128. */
size_t calls_get(const struct call **ret);

/* The first call with this number, or the next one: a call with two paths is there twice. Returns
 * NULL if there are no more. */
const struct call *calls_next(int number, const struct call *after);
