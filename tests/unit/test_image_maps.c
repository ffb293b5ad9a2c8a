/* Tests src/image/maps.h, the parser of /proc/PID/maps, smaps and pagemap. */

#include "image/maps.h"
#include "unit.h"

#include <errno.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FILE_LINE "7f0000000000-7f0000002000 r-xp 00001000 fd:01 1234                       "

/* ---- one mapping ---------------------------------------------------------------------------- */

static const struct {
    const char *text;
    struct mapping expected;
} valid[] = {
    {FILE_LINE "/usr/lib/a.so\n",
        {.start = 0x7f0000000000,
            .end = 0x7f0000002000,
            .offset = 0x1000,
            .inode = 1234,
            .name = {"/usr/lib/a.so", 13},
            .kind = MAPPING_FILE,
            .protection = MAPPING_READ | MAPPING_EXECUTE}},
    {FILE_LINE "/srv/a b (deleted)\n",
        {.start = 0x7f0000000000,
            .end = 0x7f0000002000,
            .offset = 0x1000,
            .inode = 1234,
            .name = {"/srv/a b", 8},
            .kind = MAPPING_FILE,
            .protection = MAPPING_READ | MAPPING_EXECUTE,
            .is_deleted = true}},
    {"10000-11000 rw-p 00000000 00:00 0 \n",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"", 0},
            .kind = MAPPING_ANONYMOUS,
            .protection = MAPPING_READ | MAPPING_WRITE}},
    {"10000-11000 ---p 00000000 00:00 0",
        {.start = 0, .end = 0}}, /* refused: the space after the inode is missing */
    {"10000-11000 rw-p 00000000 00:00 0          [heap]\n",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"[heap]", 6},
            .kind = MAPPING_ANONYMOUS,
            .protection = MAPPING_READ | MAPPING_WRITE}},
    {"10000-11000 rw-p 00000000 00:00 0          [anon: glibc: malloc]\n",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"[anon: glibc: malloc]", 21},
            .kind = MAPPING_ANONYMOUS,
            .protection = MAPPING_READ | MAPPING_WRITE}},
    {"10000-11000 r--p 00000000 00:00 0          [vvar_vclock]\n",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"[vvar_vclock]", 13},
            .kind = MAPPING_VVAR,
            .protection = MAPPING_READ}},
    {"10000-11000 rw-s 00000000 00:01 77         /dev/zero (deleted)\n",
        {.start = 0x10000,
            .end = 0x11000,
            .inode = 77,
            .name = {"/dev/zero", 9},
            .kind = MAPPING_FILE,
            .protection = MAPPING_READ | MAPPING_WRITE,
            .is_shared = true,
            .is_deleted = true}},
    {"10000-11000 rw-p 00000000 00:0e 77         anon_inode:[perf_event]\n",
        {.start = 0x10000,
            .end = 0x11000,
            .inode = 77,
            .name = {"anon_inode:[perf_event]", 23},
            .kind = MAPPING_OTHER,
            .protection = MAPPING_READ | MAPPING_WRITE}},
    {"10000-11000 rw-p 00000000 00:00 0 \nSize: 4 kB\nProtectionKey:         0\n"
     "VmFlags: rd wr mr mw me gd wf ??\n",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"", 0},
            .kind = MAPPING_ANONYMOUS,
            .protection = MAPPING_READ | MAPPING_WRITE,
            .flags =
                MAPPING_HAS_FLAGS | MAPPING_MAY_WRITE | MAPPING_GROWS_DOWN | MAPPING_WIPE_ON_FORK}},
    {"10000-11000 rw-p 00000000 00:00 0 \nProtectionKey:         2\nVmFlags: dp dd nr ht",
        {.start = 0x10000,
            .end = 0x11000,
            .name = {"", 0},
            .kind = MAPPING_ANONYMOUS,
            .protection = MAPPING_READ | MAPPING_WRITE,
            .key = 1,
            .flags = MAPPING_HAS_FLAGS | MAPPING_DROPPABLE | MAPPING_DONT_DUMP |
                MAPPING_NO_RESERVE | MAPPING_UNKNOWN}},
};

static void same_mapping(const struct mapping *actual, const struct mapping *expected)
{
    unit_same_number("start", actual->start, expected->start);
    unit_same_number("end", actual->end, expected->end);
    unit_same_number("offset", actual->offset, expected->offset);
    unit_same_number("inode", actual->inode, expected->inode);
    unit_ok(slice_equal(actual->name, expected->name), "the name %s", expected->name.data);
    unit_same_int("kind", actual->kind, expected->kind);
    unit_same_number("protection", actual->protection, expected->protection);
    unit_same_number("flags", actual->flags, expected->flags);
    unit_same_number("key", actual->key, expected->key);
    unit_ok(actual->is_shared == expected->is_shared, "shared");
    unit_ok(actual->is_deleted == expected->is_deleted, "deleted");
}

static void test_valid(void)
{
    for (size_t i = 0; i < LENGTH(valid); i++) {
        struct slice text = unit_copy_at_end(slice_of(valid[i].text));
        struct mapping mapping = {0};
        bool is_valid = valid[i].expected.end != 0;
        unit_case("a mapping: %.*s", (int)strcspn(valid[i].text, "\n"), valid[i].text);
        if (unit_same_int("result", maps_next(&text, &mapping), is_valid ? 1 : -EINVAL) && is_valid)
            same_mapping(&mapping, &valid[i].expected);
        if (is_valid)
            unit_same_int("then", maps_next(&text, &mapping), 0);
    }
}

/* ---- several, and none ---------------------------------------------------------------------- */

static void test_several(void)
{
    struct slice text = unit_copy_at_end(SLICE("10000-11000 rw-p 00000000 00:00 0 \nVmFlags: wf\n"
                                               "11000-12000 rw-p 00000000 00:00 0 \n"));
    struct mapping mapping;

    unit_case("two mappings");
    unit_same_int("the first", maps_next(&text, &mapping), 1);
    unit_same_number("flags", mapping.flags, MAPPING_HAS_FLAGS | MAPPING_WIPE_ON_FORK);
    unit_same_int("the second", maps_next(&text, &mapping), 1);
    unit_same_number("start", mapping.start, 0x11000);
    unit_same_number("flags", mapping.flags, 0);
    unit_same_int("the end", maps_next(&text, &mapping), 0);
}

static const char *const invalid[] = {
    "\n",
    "x",
    "10000",
    "10000-11000",
    "10000-11000 rw-p",
    "10000-11000 rw-p 00000000 00:00",
    "10000-11000 rw-x 00000000 00:00 0 \n",
    "10000-11000 wr-p 00000000 00:00 0 \n",
    "10000-11000 rw-p 00000001 00:00 0 \n",
    "10001-11000 rw-p 00000000 00:00 0 \n",
    "10000-10000 rw-p 00000000 00:00 0 \n",
    "11000-10000 rw-p 00000000 00:00 0 \n",
    "10000-11000000000000000000 rw-p 00000000 00:00 0 \n",
    "VmFlags: rd\n",
};

static void test_invalid(void)
{
    struct mapping mapping;

    unit_case("what is no mapping");
    for (size_t i = 0; i < LENGTH(invalid); i++) {
        struct slice text = unit_copy_at_end(slice_of(invalid[i]));
        unit_context("'%s'", invalid[i]);
        unit_same_int("result", maps_next(&text, &mapping), -EINVAL);
    }
}

/* ---- pagemap -------------------------------------------------------------------------------- */

static void test_pages(void)
{
    const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, of_file = 1ULL << 61;

    unit_case("pages of pagemap");
    unit_ok(maps_is_own_page(present), "anonymous");
    unit_ok(maps_is_own_page(swapped), "swapped");
    unit_ok(maps_is_own_page(present | 1ULL << 56 | 12345), "with other bits");
    unit_ok(!maps_is_own_page(present | of_file), "of a file");
    unit_ok(!maps_is_own_page(0), "absent");
    unit_ok(!maps_is_own_page(1ULL << 55), "absent, soft-dirty");
}

int main(void)
{
    test_valid();
    test_several();
    test_invalid();
    test_pages();
    return unit_done();
}
