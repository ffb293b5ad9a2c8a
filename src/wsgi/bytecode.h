#pragma once

/* Bytecode that is missing or stale: each start compiles such modules again, where it may not write
 * what it has compiled. Free of Python types. */

#include <stddef.h>

struct bytecode {
    size_t modules; /* imported from a source file whose bytecode Python caches */
    size_t missing; /* of these, without bytecode */
    size_t stale;   /* with bytecode that is not that of the source, or that cannot be read */
    char *command;  /* for a shell: what mends that. On the heap; NULL if there is nothing to do */
};

void bytecode_done(struct bytecode *bytecode);

/* Looks at the bytecode of all modules that are imported now. What the import has compiled and
 * written counts as any other. Bytecode is judged as Python does (PEP 552), hashes included. Costs
 * a read of 16 bytes for each module. Tells nothing if that fails. */
void bytecode_inspect(struct bytecode *ret);
