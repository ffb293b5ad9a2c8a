/* Fuzzes forwarded.h: the input is a field section. */

#include "http/syntax.h"
#include "proxy/forwarded.h"

#include "fuzz.h"

static const struct request_limits limits = {.line = 100, .section = 65536, .fields = 1000};

static bool is_absent_or_within(struct slice inner, struct slice outer)
{
    return !inner.data || fuzz_is_within(inner, outer);
}

static bool consists_of(struct slice text, const char *set)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\0' || !strchr(set, text.data[i]))
            return false;
    return true;
}

static void check_element(const struct forwarded_element *element, struct slice fields)
{
    if (element->is_malformed) {
        FUZZ_ASSERT(!element->address.data && !element->port.data);
        FUZZ_ASSERT(!element->scheme.data && !element->host.data);
        return;
    }
    FUZZ_ASSERT(is_absent_or_within(element->address, fields));
    FUZZ_ASSERT(is_absent_or_within(element->port, fields));
    FUZZ_ASSERT(is_absent_or_within(element->scheme, fields));
    FUZZ_ASSERT(is_absent_or_within(element->host, fields));
    FUZZ_ASSERT(!element->address.data || element->address.size >= 2);
    FUZZ_ASSERT(consists_of(element->address, "0123456789abcdefABCDEF:."));
    FUZZ_ASSERT(!element->port.data || element->address.data);
    FUZZ_ASSERT(element->port.size <= 5 && consists_of(element->port, "0123456789"));
}

static size_t walk(const struct request *request, enum forwarded_field field)
{
    struct forwarded_cursor cursor = {0};
    struct forwarded_element element;
    size_t count = 0;

    while (forwarded_next(request, field, &cursor, &element)) {
        check_element(&element, request->fields);
        count++;
    }
    FUZZ_ASSERT(!forwarded_next(request, field, &cursor, &element));
    return count;
}

/* Counts the elements of a list independently: parts between commas that are not blank. */
static size_t count_elements(const struct request *request, const char *name)
{
    struct request_field field;
    size_t count = 0;

    for (size_t cursor = 0; request_next_field(request, &cursor, &field);) {
        if (!fuzz_is_named(field.name, name))
            continue;
        bool is_blank = true;
        for (size_t i = 0; i <= field.value.size; i++) {
            char c = i < field.value.size ? field.value.data[i] : ',';
            count += c == ',' && !is_blank;
            is_blank = c == ',' || (is_blank && (c == ' ' || c == '\t'));
        }
    }
    return count;
}

/* Checks a decoded prefix independently: no control characters, and no segments of one or two dots,
 * also with a backslash as the separator. */
static void check_prefix(struct slice prefix)
{
    char *text = calloc(1, prefix.size + 2);

    FUZZ_ASSERT(text && prefix.data[0] == '/' && target_path_is_valid(prefix));
    size_t size = target_decode_path(prefix, text);
    for (size_t i = 0; i < size; i++) {
        FUZZ_ASSERT((unsigned char)text[i] >= ' ' && text[i] != 0x7F);
        if (text[i] == '\\')
            text[i] = '/';
    }
    FUZZ_ASSERT(strncmp(text, "//", 2) != 0);
    text[size] = '/';
    FUZZ_ASSERT(!strstr(text, "/./") && !strstr(text, "/../"));
    free(text);
}

static void check_find(const struct request *request)
{
    size_t count = count_elements(request, "X-Forwarded-Host");
    struct slice first = forwarded_find(request, FORWARDED_HOST, count);

    FUZZ_ASSERT(!first.data == (count == 0));
    for (size_t after = 0; after < count && after < 20; after++) {
        struct slice found = forwarded_find(request, FORWARDED_HOST, after);
        FUZZ_ASSERT(fuzz_is_within(found, request->fields) && found.size > 0);
        FUZZ_ASSERT(after + 1 == count ? found.data == first.data : found.data > first.data);
        struct slice host, port;
        FUZZ_ASSERT(forwarded_is_host(found) == syntax_split_authority(found, false, &host, &port));
        if (forwarded_is_prefix(found))
            check_prefix(found);
        bool is_port = forwarded_is_port(found);
        FUZZ_ASSERT(!is_port || (found.size <= 5 && consists_of(found, "0123456789")));
        FUZZ_ASSERT(!forwarded_is_scheme(found) || fuzz_is_named(found, "http") ||
            fuzz_is_named(found, "https"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char line[] = "GET / HTTP/1.0\r\n";
    size_t before = sizeof(line) - 1, parsed;
    struct request request = {0};
    char *head = malloc(before + size + 4);

    FUZZ_ASSERT(head);
    memcpy(head, line, before);
    if (size > 0)
        memcpy(head + before, data, size);
    memcpy(head + before + size, "\r\n\r\n", 4);
    if (request_parse(&request, head, before + size + 4, &limits, &parsed) == 0) {
        walk(&request, FORWARDED);
        FUZZ_ASSERT(walk(&request, FORWARDED_FOR) == count_elements(&request, "X-Forwarded-For"));
        check_find(&request);
    }
    free(head);
    return 0;
}
