#include "image/processor.h"

#include <stdio.h>
#include <sys/auxv.h>
#ifdef __x86_64__
#    include <cpuid.h>
#endif

#ifndef AT_MINSIGSTKSZ
#    define AT_MINSIGSTKSZ 51 /* in getauxval(3), but not in older C libraries */
#endif

#ifdef __x86_64__

/* The part of leaf 1 that differs between processors of one machine: EBX contains an ID. */
#    define LEAF_1_EBX_MASK 0x0000ff00U

static int write_leaf(char *text, int size, unsigned leaf, unsigned subleaf)
{
    unsigned a = 0, b = 0, c = 0, d = 0;

    if (size >= PROCESSOR_TEXT_SIZE)
        return 0;
    __get_cpuid_count(leaf, subleaf, &a, &b, &c, &d);
    if (leaf == 1)
        b &= LEAF_1_EBX_MASK;
    return snprintf(text + size, PROCESSOR_TEXT_SIZE - (unsigned)size, " %x,%x,%x,%x", a, b, c, d);
}

static int write_features(char *text, int size)
{
    static const struct {
        unsigned leaf, subleaf;
    } leaves[] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {0xd, 0}, {0xd, 1}, {0x14, 0}, {0x19, 0},
        {0x80000001, 0}, {0x80000008, 0}};

    for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
        size += write_leaf(text, size, leaves[i].leaf, leaves[i].subleaf);
    return size;
}

#else

static int write_features(char *text, int size)
{
    (void)text;
    return size;
}

#endif

void processor_describe(char text[PROCESSOR_TEXT_SIZE])
{
    int size = snprintf(text, PROCESSOR_TEXT_SIZE, "%lx %lx %lx", getauxval(AT_HWCAP),
        getauxval(AT_HWCAP2), getauxval(AT_MINSIGSTKSZ));

    write_features(text, size);
}
