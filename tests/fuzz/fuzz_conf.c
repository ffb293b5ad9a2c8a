/* Fuzzes conf_file_parse: the input is the file. */

#include "generator/conf_file.h"

#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

static void check_text(const char *text, struct slice whole)
{
    struct slice slice = {text, strlen(text)};

    FUZZ_ASSERT(fuzz_is_within(slice, whole) && fuzz_is_field_value(slice));
    FUZZ_ASSERT(slice.size == 0 || (slice.data[0] != ' ' && slice.data[0] != '\t'));
    FUZZ_ASSERT(slice.size == 0 ||
        (slice.data[slice.size - 1] != ' ' && slice.data[slice.size - 1] != '\t'));
}

static unsigned count_lines(struct slice text)
{
    unsigned lines = 1;

    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static void check_assignments(const struct conf_file *file, struct slice whole, unsigned lines)
{
    unsigned before = 0;

    for (size_t i = 0; i < file->count; i++) {
        const struct assignment *at = &file->assignments[i];
        FUZZ_ASSERT(at->line > before && at->line <= lines);
        before = at->line;
        FUZZ_ASSERT(fuzz_is_within((struct slice){at->section, strlen(at->section)}, whole));
        FUZZ_ASSERT(*at->section && *at->key && !strchr(at->key, '='));
        check_text(at->key, whole);
        check_text(at->value, whole);
        const char *last = conf_file_get(file, at->section, at->key);
        FUZZ_ASSERT(last && (last == at->value) == !conf_file_is_replaced(file, at, false));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int nowhere = -1;
    struct conf_file file;

    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (memchr(data, '\0', size))
        return 0;
    char *text = malloc(size + 1);
    FUZZ_ASSERT(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    struct slice whole = {text, size + 1};
    unsigned lines = count_lines(whole);
    struct diagnostics diagnostics = {.fd = nowhere};

    conf_file_parse(&file, "app.conf", text, &diagnostics);
    FUZZ_ASSERT(file.count + diagnostics.errors <= lines);
    check_assignments(&file, whole, lines);
    conf_file_done(&file);
    free(text);
    return 0;
}
