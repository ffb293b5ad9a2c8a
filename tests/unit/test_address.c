/* Tests src/proxy/address.h, addresses as text. */

#include "proxy/address.h"
#include "unit.h"

#include <sys/socket.h>

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    struct slice text;
    int family; /* 0: invalid */
    const char *host;
} texts[] = {
    {"IPv4", S("192.0.2.1"), AF_INET, "192.0.2.1"},
    {"IPv6", S("2001:db8::1"), AF_INET6, "2001:db8::1"},
    {"IPv6 that can be shortened", S("2001:DB8:0:0:0:0:0:1"), AF_INET6, "2001:db8::1"},
    {"the longest", S("2001:0db8:0000:0000:0000:0000:192.168.100.200"), AF_INET6,
        "2001:db8::c0a8:64c8"},
    {"the unspecified address", S("::"), AF_INET6, "::"},
    {"IPv4-mapped", S("::ffff:192.0.2.1"), AF_INET, "192.0.2.1"},
    {"IPv4-mapped, hexadecimal", S("::ffff:c000:201"), AF_INET, "192.0.2.1"},
    {"almost IPv4-mapped", S("::fffe:c000:201"), AF_INET6, "::fffe:c000:201"},
    {"IPv4-compatible", S("::192.0.2.1"), AF_INET6, "::192.0.2.1"},
    {"empty", S(""), 0, ""},
    {"three numbers", S("192.0.2"), 0, ""},
    {"a number that is too large", S("192.0.2.256"), 0, ""},
    {"with a port", S("192.0.2.1:80"), 0, ""},
    {"with a blank", S("192.0.2.1 "), 0, ""},
    {"in brackets", S("[::1]"), 0, ""},
    {"with a zone", S("fe80::1%eth0"), 0, ""},
    {"a name", S("localhost"), 0, ""},
    {"longer than the longest", S("2001:0db8:0000:0000:0000:0000:192.168.100.2000"), 0, ""},
    {"absent", {0}, 0, ""},
};

static void test_texts(void)
{
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct slice text = unit_copy_at_end(texts[i].text);
        struct address address = {AF_UNIX, "the old value", "1"};
        unit_case("a text: %s", texts[i].name);
        unit_same_int("is an address", address_of_text(text, &address), texts[i].family != 0);
        unit_same_int("family", address.family, texts[i].family);
        unit_same_slice("host", slice_of(address.host), slice_of(texts[i].host));
        unit_same_slice("port", slice_of(address.port), S(""));
    }
}

static void test_bytes(void)
{
    struct slice in = S("\xc0\x00\x02\x01");
    struct slice in6 = S("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01");
    struct slice mapped = S("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01");
    struct address address;

    unit_case("the bytes of an IPv4 address");
    address_of_bytes(AF_INET, unit_copy_at_end(in).data, 80, &address);
    unit_same_int("family", address.family, AF_INET);
    unit_same_slice("host", slice_of(address.host), S("192.0.2.1"));
    unit_same_slice("port", slice_of(address.port), S("80"));

    unit_case("the bytes of an IPv6 address");
    address_of_bytes(AF_INET6, unit_copy_at_end(in6).data, 65535, &address);
    unit_same_int("family", address.family, AF_INET6);
    unit_same_slice("host", slice_of(address.host), S("2001:db8::1"));
    unit_same_slice("port", slice_of(address.port), S("65535"));

    unit_case("the bytes of an IPv4-mapped address");
    address_of_bytes(AF_INET6, unit_copy_at_end(mapped).data, 0, &address);
    unit_same_int("family", address.family, AF_INET);
    unit_same_slice("host", slice_of(address.host), S("192.0.2.1"));
    unit_same_slice("port", slice_of(address.port), S("0"));
}

int main(void)
{
    test_texts();
    test_bytes();
    return unit_done();
}
