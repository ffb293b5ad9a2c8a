/* Fuzzes proxy_protocol_parse: the input is what a proxy sends. */

#include "proxy/proxy_protocol.h"

#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sanitizer/asan_interface.h>

struct outcome {
    int status;
    struct proxy_protocol header;
    size_t size;
};

/* Bytes that have not arrived yet are poisoned. */
static struct outcome parse(struct slice input, size_t size)
{
    struct outcome outcome = {0};

    ASAN_POISON_MEMORY_REGION(input.data + size, input.size - size);
    outcome.status = proxy_protocol_parse(input.data, size, &outcome.header, &outcome.size);
    ASAN_UNPOISON_MEMORY_REGION(input.data, input.size);
    return outcome;
}

static bool same_place(struct slice a, struct slice b)
{
    return a.data == b.data && a.size == b.size;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    const struct proxy_protocol *x = &a->header, *y = &b->header;

    FUZZ_ASSERT(a->status == b->status && a->size == b->size);
    FUZZ_ASSERT(x->version == y->version && x->family == y->family && x->is_tls == y->is_tls);
    FUZZ_ASSERT(same_place(x->source.host, y->source.host) && x->source.port == y->source.port);
    FUZZ_ASSERT(same_place(x->destination.host, y->destination.host));
    FUZZ_ASSERT(x->destination.port == y->destination.port);
    FUZZ_ASSERT(x->problem == y->problem);
}

/* Once the outcome is known, more bytes do not change it. */
static void check_growing(struct slice input, const struct outcome *whole)
{
    bool is_decided = false;

    for (size_t size = 0; size <= input.size; size += 1 + (size > 600 ? input.size / 16 : 0)) {
        struct outcome part = parse(input, size);
        FUZZ_ASSERT(!is_decided || part.status != -EAGAIN);
        is_decided = part.status != -EAGAIN;
        if (is_decided && part.status == 0)
            check_same(&part, whole);
        if (is_decided)
            FUZZ_ASSERT(part.status == whole->status);
    }
}

/* ---- the specification, implemented again ---------------------------------------------------- */

/* inet_pton(3) accepts an address of version 1. */
static void check_text(int family, struct slice host)
{
    char text[INET6_ADDRSTRLEN], bytes[16];

    FUZZ_ASSERT(host.size > 0 && host.size < sizeof(text));
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    FUZZ_ASSERT(strlen(text) == host.size && inet_pton(family, text, bytes) == 1);
}

static void check_v1(const struct proxy_protocol *header, struct slice bytes)
{
    bool is_inet6 = header->family == PROXY_PROTOCOL_INET6;
    char *line = NULL;

    FUZZ_ASSERT(bytes.size <= 107 && memcmp(bytes.data + bytes.size - 2, "\r\n", 2) == 0);
    FUZZ_ASSERT(!header->is_tls && header->family != PROXY_PROTOCOL_UNIX);
    FUZZ_ASSERT(header->family != PROXY_PROTOCOL_LOCAL);
    if (header->family == PROXY_PROTOCOL_UNKNOWN) {
        FUZZ_ASSERT(bytes.size >= 15 && memcmp(bytes.data, "PROXY UNKNOWN", 13) == 0);
        return;
    }
    check_text(is_inet6 ? AF_INET6 : AF_INET, header->source.host);
    check_text(is_inet6 ? AF_INET6 : AF_INET, header->destination.host);
    int size = asprintf(&line, "PROXY TCP%c %.*s %.*s %u %u\r\n", is_inet6 ? '6' : '4',
        (int)header->source.host.size, header->source.host.data, (int)header->destination.host.size,
        header->destination.host.data, header->source.port, header->destination.port);
    FUZZ_ASSERT(size > 0 && slice_equal(bytes, (struct slice){line, (size_t)size}));
    free(line);
}

static void check_v2(const struct proxy_protocol *header, struct slice bytes)
{
    const unsigned char *data = (const unsigned char *)bytes.data;

    FUZZ_ASSERT(bytes.size >= 16 && bytes.size <= PROXY_PROTOCOL_MAX_SIZE);
    FUZZ_ASSERT(memcmp(data, "\r\n\r\n\0\r\nQUIT\n", 12) == 0);
    FUZZ_ASSERT(bytes.size == 16 + (size_t)data[14] * 256 + data[15]);
    FUZZ_ASSERT(data[12] == 0x20 || data[12] == 0x21);
    FUZZ_ASSERT((header->family == PROXY_PROTOCOL_LOCAL) == (data[12] == 0x20));
    if (header->family == PROXY_PROTOCOL_LOCAL || header->family == PROXY_PROTOCOL_UNKNOWN) {
        FUZZ_ASSERT(data[12] == 0x20 || data[13] >> 4 == 0 || (data[13] & 15) == 0);
        FUZZ_ASSERT(!header->is_tls);
        return;
    }
    size_t size = header->family == PROXY_PROTOCOL_INET ? 4 : 16;
    FUZZ_ASSERT(data[12] == 0x21 && (data[13] & 15) == 1);
    FUZZ_ASSERT(data[13] >> 4 == (header->family == PROXY_PROTOCOL_UNIX ? 3 : size == 4 ? 1 : 2));
    if (header->family == PROXY_PROTOCOL_UNIX)
        return;
    FUZZ_ASSERT(same_place(header->source.host, (struct slice){bytes.data + 16, size}));
    FUZZ_ASSERT(same_place(header->destination.host, (struct slice){bytes.data + 16 + size, size}));
    FUZZ_ASSERT(header->source.port == data[16 + 2 * size] * 256 + data[17 + 2 * size]);
    FUZZ_ASSERT(header->destination.port == data[18 + 2 * size] * 256 + data[19 + 2 * size]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice input = {copy, size};
    struct outcome whole = parse(input, size);

    if (whole.status == 0) {
        FUZZ_ASSERT(whole.size <= size && !whole.header.problem);
        struct slice header = {copy, whole.size};
        FUZZ_ASSERT(whole.header.version == 1 || whole.header.version == 2);
        if (whole.header.version == 1)
            check_v1(&whole.header, header);
        else
            check_v2(&whole.header, header);
        /* Exactly these bytes are needed, and the bytes after them have no effect. */
        struct outcome alone = parse(input, whole.size), early = parse(input, whole.size - 1);
        check_same(&alone, &whole);
        FUZZ_ASSERT(early.status == -EAGAIN);
    } else {
        FUZZ_ASSERT(whole.status == -EAGAIN || whole.status == -EBADMSG);
        FUZZ_ASSERT(whole.size == 0 && whole.header.version == 0);
        FUZZ_ASSERT(!whole.header.problem == (whole.status == -EAGAIN));
    }
    check_growing(input, &whole);
    free(copy);
    return 0;
}
