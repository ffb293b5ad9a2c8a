#pragma once

/* Memory for the small objects of Python. Its allocator treats an arena in two ways only: it writes
 * to it, and unmaps all of it. So a process that starts from an image can map arenas from the file
 * of the image, which costs nothing until they are used. For other memory that would be wrong: see
 * placement.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As mmap(2) and munmap(2) do it, for anonymous memory. ctx: ignored. arenas_map returns NULL if
 * there is no memory. */
void *arenas_map(void *ctx, size_t size);
void arenas_unmap(void *ctx, void *memory, size_t size);

/* Whether the address is in an arena. Does not allocate. */
bool arenas_contain(uint64_t address);
