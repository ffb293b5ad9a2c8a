#include "image/arenas.h"

#include <sys/mman.h>

/* More arenas, of 1 MB each, are memory like any other. */
enum { MAX_ARENAS = 4096 };

static struct {
    size_t count;
    struct arena {
        uint64_t start, end;
    } table[MAX_ARENAS];
} arenas;

void *arenas_map(void *ctx, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)ctx;
    if (memory == MAP_FAILED)
        return NULL;
    if (arenas.count < MAX_ARENAS)
        arenas.table[arenas.count++] = (struct arena){(uint64_t)memory, (uint64_t)memory + size};
    return memory;
}

void arenas_unmap(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    for (size_t i = 0; i < arenas.count; i++)
        if (arenas.table[i].start == (uint64_t)memory) {
            arenas.table[i] = arenas.table[--arenas.count];
            break;
        }
    munmap(memory, size);
}

bool arenas_contain(uint64_t address)
{
    for (size_t i = 0; i < arenas.count; i++)
        if (address >= arenas.table[i].start && address < arenas.table[i].end)
            return true;
    return false;
}
