#pragma once

/* Missing or stale bytecode. Where the program cannot write bytecode, each start compiles such
 * modules again. Free of Python types. */

#include <stddef.h>

struct bytecode {
    size_t modules; /* imported from a source file whose bytecode Python caches */
    size_t missing; /* of these, without bytecode */
    size_t stale;   /* with bytecode that does not match the source, or that is not readable */
    char *command; /* a shell command that writes the bytecode, on the heap; NULL if all is there */
};

void bytecode_done(struct bytecode *bytecode);

/* Checks the bytecode of all imported modules, including bytecode that this import has written. The
 * criteria are Python's (PEP 552), hashes included. Reads 16 bytes for each module, and the source
 * where a hash must be compared. Leaves out what it cannot check; never fails. Initializes *ret,
 * which needs bytecode_done. */
void bytecode_inspect(struct bytecode *ret);
