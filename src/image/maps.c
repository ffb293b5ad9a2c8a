#include "image/maps.h"

#include <errno.h>
#include <string.h>

enum { PAGE_MASK = 4095 };

/* ---- numbers -------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Takes a number and the character that must follow it. */
static bool take_number(struct slice *text, unsigned base, char end, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < text->size && (unsigned)digit_value(text->data[i]) < base; i++) {
        if (value > (UINT64_MAX - 15) / base)
            return false;
        value = value * base + (unsigned)digit_value(text->data[i]);
    }
    if (i == 0 || i == text->size || text->data[i] != end)
        return false;
    *text = slice_after(*text, i + 1);
    *ret = value;
    return true;
}

static struct slice take_line(struct slice *text)
{
    size_t size = slice_find(*text, '\n');
    struct slice line = {text->data, size};

    *text = slice_after(*text, size < text->size ? size + 1 : size);
    return line;
}

static void skip_spaces(struct slice *text)
{
    while (text->size > 0 && text->data[0] == ' ')
        *text = slice_after(*text, 1);
}

static bool begins_with(struct slice text, struct slice beginning)
{
    return text.size >= beginning.size && memcmp(text.data, beginning.data, beginning.size) == 0;
}

/* ---- the line of maps ----------------------------------------------------------------------- */

static enum mapping_kind kind_of(const struct mapping *mapping)
{
    static const struct {
        struct slice name;
        enum mapping_kind kind;
    } special[] = {
        {{"[vdso]", 6}, MAPPING_VDSO},
        {{"[vvar", 5}, MAPPING_VVAR},
        {{"[vsyscall]", 10}, MAPPING_VSYSCALL},
        {{"[stack]", 7}, MAPPING_STACK},
        {{"[heap]", 6}, MAPPING_ANONYMOUS},
        {{"[anon:", 6}, MAPPING_ANONYMOUS},
    };

    if (mapping->name.size == 0)
        return mapping->inode == 0 ? MAPPING_ANONYMOUS : MAPPING_OTHER;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (begins_with(mapping->name, special[i].name))
            return special[i].kind;
    return mapping->name.data[0] == '/' && mapping->inode != 0 ? MAPPING_FILE : MAPPING_OTHER;
}

static bool take_protection(struct slice *text, struct mapping *mapping)
{
    static const char letters[] = "rwx";

    if (text->size < 5 || text->data[4] != ' ')
        return false;
    for (unsigned i = 0; i < 3; i++)
        if (text->data[i] == letters[i])
            mapping->protection |= 1U << i;
        else if (text->data[i] != '-')
            return false;
    mapping->is_shared = text->data[3] == 's';
    *text = slice_after(*text, 5);
    return mapping->is_shared || text->data[-2] == 'p';
}

static void take_name(struct mapping *mapping, struct slice name)
{
    static const struct slice deleted = SLICE(" (deleted)");

    if (name.size > deleted.size &&
        memcmp(name.data + name.size - deleted.size, deleted.data, deleted.size) == 0) {
        mapping->is_deleted = true;
        name.size -= deleted.size;
    }
    mapping->name = name;
}

static bool parse_line(struct slice line, struct mapping *mapping)
{
    uint64_t major, minor;

    if (!take_number(&line, 16, '-', &mapping->start) ||
        !take_number(&line, 16, ' ', &mapping->end) || !take_protection(&line, mapping) ||
        !take_number(&line, 16, ' ', &mapping->offset) || !take_number(&line, 16, ':', &major) ||
        !take_number(&line, 16, ' ', &minor))
        return false;
    /* The kernel writes a space after the inode even if there is no name. */
    if (!take_number(&line, 10, ' ', &mapping->inode))
        return false;
    skip_spaces(&line);
    take_name(mapping, line);
    mapping->kind = kind_of(mapping);
    return mapping->start < mapping->end &&
        ((mapping->start | mapping->end | mapping->offset) & PAGE_MASK) == 0;
}

/* ---- the other lines of smaps --------------------------------------------------------------- */

static unsigned flag_named(struct slice name)
{
    static const struct {
        char name[3];
        unsigned flag;
    } names[] = {
        {"gd", MAPPING_GROWS_DOWN},
        {"nr", MAPPING_NO_RESERVE},
        {"wf", MAPPING_WIPE_ON_FORK},
        {"dp", MAPPING_DROPPABLE},
        {"dd", MAPPING_DONT_DUMP},
        {"hg", MAPPING_HUGE_PAGES},
        {"nh", MAPPING_NO_HUGE_PAGES},
        {"mw", MAPPING_MAY_WRITE},
        {"io", MAPPING_DEVICE},
        {"pf", MAPPING_DEVICE},
        {"mm", MAPPING_DEVICE},
        {"ht", MAPPING_UNKNOWN},
        {"ss", MAPPING_UNKNOWN},
        {"um", MAPPING_UNKNOWN},
        {"uw", MAPPING_UNKNOWN},
        {"ui", MAPPING_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (name.size == 2 && memcmp(name.data, names[i].name, 2) == 0)
            return names[i].flag;
    return 0;
}

static void parse_flags(struct slice line, struct mapping *mapping)
{
    mapping->flags |= MAPPING_HAS_FLAGS;
    for (skip_spaces(&line); line.size > 0; skip_spaces(&line)) {
        size_t size = slice_find(line, ' ');
        mapping->flags |= flag_named((struct slice){line.data, size});
        line = slice_after(line, size);
    }
}

static void parse_detail(struct slice line, struct mapping *mapping)
{
    static const struct slice flags = SLICE("VmFlags:"), key = SLICE("ProtectionKey:");

    if (begins_with(line, flags))
        parse_flags(slice_after(line, flags.size), mapping);
    else if (begins_with(line, key))
        for (size_t i = key.size; i < line.size; i++)
            if (line.data[i] > '0' && line.data[i] <= '9')
                mapping->key = 1; /* which one does not matter */
}

/* The details of smaps begin with a capital letter, the line of the next mapping with a digit. */
static bool is_detail(struct slice text)
{
    return text.size > 0 && text.data[0] >= 'A' && text.data[0] <= 'Z';
}

int maps_next(struct slice *text, struct mapping *ret)
{
    if (text->size == 0)
        return 0;
    *ret = (struct mapping){0};
    if (!parse_line(take_line(text), ret))
        return -EINVAL;
    while (is_detail(*text))
        parse_detail(take_line(text), ret);
    return 1;
}

/* ---- pagemap -------------------------------------------------------------------------------- */

bool maps_is_own_page(uint64_t entry)
{
    const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, of_file = 1ULL << 61;

    return (entry & (present | swapped)) != 0 && (entry & of_file) == 0;
}

bool maps_is_guard(uint64_t entry)
{
    return (entry & 1ULL << 58) != 0;
}
