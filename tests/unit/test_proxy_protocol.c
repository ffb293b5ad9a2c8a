/* Tests src/proxy/proxy_protocol.h, the parser of PROXY protocol headers.
 *
 * Each header is parsed whole, with a request after it, and truncated at every byte: then it is
 * incomplete, or refused for the same reason. */

#include "proxy/proxy_protocol.h"
#include "unit.h"

#include <errno.h>

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct row {
    const char *name;
    struct slice header;
    enum proxy_protocol_family family;
    struct slice source, destination;
    uint16_t source_port, destination_port;
    bool is_tls;
};

/* ---- accepted ------------------------------------------------------------------------------- */

#define ENDS(...) .family = PROXY_PROTOCOL_INET, ENDS_OF(__VA_ARGS__)
#define ENDS6(...) .family = PROXY_PROTOCOL_INET6, ENDS_OF(__VA_ARGS__)
#define ENDS_OF(host, other, port, other_port)                                                     \
    .source = S(host), .destination = S(other), .source_port = (port),                             \
    .destination_port = (other_port)
#define NO_ENDS .family = PROXY_PROTOCOL_LOCAL
#define NO_NAME .family = PROXY_PROTOCOL_UNKNOWN

#define LONG6 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct row v1_rows[] = {
    {"v1: PP §2.1, the example", S("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
        ENDS("192.168.0.1", "192.168.0.11", 56324, 443)},
    {"v1: the longest TCP4", S("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
        ENDS("255.255.255.255", "255.255.255.255", 65535, 65535)},
    {"v1: zeros", S("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), ENDS("0.0.0.0", "0.0.0.0", 0, 0)},
    {"v1: TCP6", S("PROXY TCP6 2001:db8::1 2001:DB8::abcd 1 65535\r\n"),
        ENDS6("2001:db8::1", "2001:DB8::abcd", 1, 65535)},
    {"v1: the longest TCP6", S("PROXY TCP6 " LONG6 " " LONG6 " 65535 65535\r\n"),
        ENDS6(LONG6, LONG6, 65535, 65535)},
    {"v1: an IPv4 address in TCP6", S("PROXY TCP6 ::ffff:192.0.2.1 :: 1 2\r\n"),
        ENDS6("::ffff:192.0.2.1", "::", 1, 2)},
    {"v1: UNKNOWN", S("PROXY UNKNOWN\r\n"), NO_NAME},
    {"v1: UNKNOWN with a space", S("PROXY UNKNOWN \r\n"), NO_NAME},
    {"v1: the longest UNKNOWN", S("PROXY UNKNOWN " LONG6 " " LONG6 " 65535 65535\r\n"), NO_NAME},
    {"v1: UNKNOWN with anything", S("PROXY UNKNOWN  \r \n \0 192.0.2.1 x\r\n"), NO_NAME},
};

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES4 "\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb"
#define ADDRESS6(last) " \x01\r\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define BYTES6 ADDRESS6("\x01") ADDRESS6("\x02") "\xdc\x04\x01\xbb"
#define TEN "0123456789"
#define NAME108 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567"

/* An IPv4 header with TLVs; `length` is that of addresses and TLVs. */
#define V4(length, tlvs) S(SIGNATURE "\x21\x11\0" length BYTES4 tlvs)
#define V4_ENDS ENDS("\xc0\0\x02\x01", "\xc0\0\x02\x02", 56324, 443)
/* The CRC32c of the headers below that use these, computed independently. */
#define CHECKSUM "\xd6\xc8\xc7\x5f"
#define CHECKSUM_BETWEEN "\xf2\x28\xfc\x3c"
#define CHECKSUM_FIRST "\x2e\xbe\x6a\xa5"

static const struct row v2_rows[] = {
    {"v2: INET", V4("\x0c", ""), V4_ENDS},
    {"v2: INET6", S(SIGNATURE "\x21\x21\0\x24" BYTES6),
        ENDS6(ADDRESS6("\x01"), ADDRESS6("\x02"), 56324, 443)},
    {"v2: UNIX", S(SIGNATURE "\x21\x31\0\xd8" NAME108 NAME108), .family = PROXY_PROTOCOL_UNIX},
    {"v2: LOCAL", S(SIGNATURE "\x20\0\0\0"), NO_ENDS},
    {"v2: LOCAL with a family and addresses", S(SIGNATURE "\x20\x11\0\x0c" BYTES4), NO_ENDS},
    {"v2: LOCAL with an invalid family", S(SIGNATURE "\x20\xff\0\0"), NO_ENDS},
    {"v2: LOCAL with anything", S(SIGNATURE "\x20\x11\0\x02xy"), NO_ENDS},
    {"v2: UNSPEC", S(SIGNATURE "\x21\0\0\0"), NO_NAME},
    {"v2: UNSPEC with anything", S(SIGNATURE "\x21\0\0\x05 \0\xff\0\0"), NO_NAME},
    {"v2: an unspecified family of a stream", S(SIGNATURE "\x21\x01\0\0"), NO_NAME},
    {"v2: an unspecified protocol of IPv4", S(SIGNATURE "\x21\x10\0\0"), NO_NAME},
    {"v2: a TLV", V4("\x12", "\x02\0\003a.b"), V4_ENDS},
    {"v2: an empty TLV", V4("\x0f", "\x04\0\0"), V4_ENDS},
    {"v2: several TLVs of any type", V4("\x18", "\xe0\0\001a\xff\0\002bc\0\0\0"), V4_ENDS},
    {"v2: TLS", V4("\x14", "\x20\0\x05\x01\0\0\0\0"), V4_ENDS, .is_tls = true},
    {"v2: TLS with a version and a name",
        V4("\x22", "\x20\0\x13\x07\0\0\0\x01\x21\0\x07TLSv1.3\x22\0\001a"), V4_ENDS,
        .is_tls = true},
    {"v2: a certificate but no TLS", V4("\x14", "\x20\0\x05\x06\0\0\0\0"), V4_ENDS},
    {"v2: no TLS", V4("\x14", "\x20\0\x05\0\0\0\0\x01"), V4_ENDS},
    {"v2: an SSL TLV within another TLV", V4("\x17", "\xe0\0\x08\x20\0\x05\x01\0\0\0\0"), V4_ENDS},
    {"v2: a checksum", V4("\x13", "\x03\0\x04" CHECKSUM), V4_ENDS},
    {"v2: a checksum between others",
        V4("\x1f", "\x04\0\x01x\x03\0\x04" CHECKSUM_BETWEEN "\x20\0\x05\x01\0\0\0\0"), V4_ENDS,
        .is_tls = true},
};

static void check_end(
    const char *what, const struct proxy_protocol_end *end, struct slice host, uint16_t port)
{
    unit_same_slice(what, end->host, host);
    unit_same_int("its port", end->port, port);
}

/* A truncated header, placed before unreadable memory, needs more bytes. */
static void check_cut(struct slice header)
{
    for (size_t size = 0; size < header.size; size++) {
        struct slice part = unit_copy_at_end((struct slice){header.data, size});
        struct proxy_protocol parsed = {.version = 4711};
        size_t used = 4711;
        unit_context("the first %zu bytes", size);
        unit_same_int("status", proxy_protocol_parse(part.data, size, &parsed, &used), -EAGAIN);
        unit_ok(parsed.version == 4711 && used == 4711, "outputs were touched");
    }
}

static void check_accepted(const struct row *row, unsigned version, struct slice after)
{
    char *room = unit_room_at_end(row->header.size + after.size);
    struct proxy_protocol parsed = {0};
    size_t size = 0;

    memcpy(room, row->header.data, row->header.size);
    memcpy(room + row->header.size, after.data, after.size);
    unit_context("with %zu bytes after it", after.size);
    if (!unit_same_int("status",
            proxy_protocol_parse(room, row->header.size + after.size, &parsed, &size), 0)) {
        unit_ok(false, "%s", parsed.problem ? parsed.problem : "");
        return;
    }
    unit_same_number("size", size, row->header.size);
    unit_same_int("version", parsed.version, version);
    unit_same_int("family", parsed.family, row->family);
    check_end("source", &parsed.source, row->source, row->source_port);
    check_end("destination", &parsed.destination, row->destination, row->destination_port);
    unit_same_int("TLS", parsed.is_tls, row->is_tls);
    unit_ok(!parsed.problem, "no problem");
}

static void test_accepted(const struct row *rows, size_t n, unsigned version)
{
    for (size_t i = 0; i < n; i++) {
        unit_case("%s", rows[i].name);
        check_accepted(&rows[i], version, S(""));
        check_accepted(&rows[i], version, S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        check_accepted(&rows[i], version, rows[i].header);
        check_cut(rows[i].header);
    }
}

/* ---- refused -------------------------------------------------------------------------------- */

#define NONE "missing signature"
#define FAMILY "family is not TCP4, TCP6 or UNKNOWN"
#define FIELDS "expected two addresses and two ports, separated by single spaces"
#define ADDRESS "invalid address for its family"
#define PORT "invalid port"
#define TLVS "TLV is longer than the rest of the header"
#define CHECKSUM_WRONG "wrong checksum"

static const struct {
    const char *name;
    struct slice header;
    const char *problem;
    size_t needed; /* number of bytes after which it is refused; 0: all of them */
} refused_rows[] = {
    {"a request", S("GET / HTTP/1.1\r\n"), NONE, 1},
    {"a request of a similar method", S("PROXZ / HTTP/1.1\r\n"), NONE, 5},
    {"v1: in small letters", S("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NONE, 1},
    {"v1: an empty line in front", S("\r\nPROXY UNKNOWN\r\n"), NONE, 3},
    {"v1: a space in front", S(" PROXY UNKNOWN\r\n"), NONE, 1},
    {"v1: no space", S("PROXY\r\n"), NONE, 6},
    {"v1: a tab", S("PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NONE, 6},
    {"v1: nothing", S("PROXY \r\n"), FAMILY, 0},
    {"v1: two spaces", S("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), FAMILY, 0},
    {"v1: another family", S("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), FAMILY, 0},
    {"v1: a family in small letters", S("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"), FAMILY, 0},
    {"v1: longer than UNKNOWN", S("PROXY UNKNOWNS\r\n"), FAMILY, 0},
    {"v1: a CR after UNKNOWN", S("PROXY UNKNOWN\r\r\n"), FAMILY, 0},
    {"v1: a family only", S("PROXY TCP4\r\n"), FIELDS, 0},
    {"v1: no destination", S("PROXY TCP4 192.0.2.1 1 2\r\n"), FIELDS, 0},
    {"v1: one port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), FIELDS, 0},
    {"v1: a space at the end", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), FIELDS, 0},
    {"v1: a third port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), FIELDS, 0},
    {"v1: two spaces in between", S("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"), FIELDS, 0},
    {"v1: two spaces for a port", S("PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n"), PORT, 0},
    {"v1: two spaces for an address", S("PROXY TCP4  192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: a tab in between", S("PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n"), FIELDS, 0},
    {"v1: IPv6 in TCP4", S("PROXY TCP4 ::1 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: IPv6 as the destination in TCP4", S("PROXY TCP4 192.0.2.2 ::1 1 2\r\n"), ADDRESS, 0},
    {"v1: IPv4 in TCP6", S("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: a leading zero", S("PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: a number over 255", S("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: three numbers", S("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: a hexadecimal number", S("PROXY TCP4 0xc0000201 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: NUL after an address", S("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: two double colons", S("PROXY TCP6 ::1::2 :: 1 2\r\n"), ADDRESS, 0},
    {"v1: brackets", S("PROXY TCP6 [::1] :: 1 2\r\n"), ADDRESS, 0},
    {"v1: a zone", S("PROXY TCP6 fe80::1%lo :: 1 2\r\n"), ADDRESS, 0},
    {"v1: five digits", S("PROXY TCP6 ::00001 :: 1 2\r\n"), ADDRESS, 0},
    {"v1: a name", S("PROXY TCP4 localhost 192.0.2.2 1 2\r\n"), ADDRESS, 0},
    {"v1: a port over 65535", S("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), PORT, 0},
    {"v1: a very long port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 18446744073709551617\r\n"), PORT,
        0},
    {"v1: a leading zero in a port", S("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), PORT, 0},
    {"v1: two zeros for a port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 00\r\n"), PORT, 0},
    {"v1: a negative port", S("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"), PORT, 0},
    {"v1: a name for a port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 https\r\n"), PORT, 0},
    {"v1: a CR after the port", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n"), PORT, 0},
    {"v1: ends with LF", S("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET\r\n"), PORT, 0},
    {"v1: 108 bytes", S("PROXY UNKNOWN " LONG6 " " LONG6 " 65535 65535 \r\n"),
        "line is longer than 107 bytes", 107},
    {"v1: no end", S("PROXY TCP4 " NAME108), "line is longer than 107 bytes", 107},
    {"v2: another signature", S("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" BYTES4), NONE, 12},
    {"v2: version 1", S(SIGNATURE "\x11\x11\0\x0c" BYTES4), "unknown version", 13},
    {"v2: version 3", S(SIGNATURE "\x31\x11\0\x0c" BYTES4), "unknown version", 13},
    {"v2: another command", S(SIGNATURE "\x22\x11\0\x0c" BYTES4), "unknown command", 13},
    {"v2: family 4", S(SIGNATURE "\x21\x41\0\x0c" BYTES4), "unknown family or protocol", 14},
    {"v2: protocol 3", S(SIGNATURE "\x21\x13\0\x0c" BYTES4), "unknown family or protocol", 14},
    {"v2: UDP over IPv4", S(SIGNATURE "\x21\x12\0\x0c" BYTES4), "datagrams are not supported", 14},
    {"v2: UDP over IPv6", S(SIGNATURE "\x21\x22\0\x24" BYTES6), "datagrams are not supported", 14},
    {"v2: a unix datagram", S(SIGNATURE "\x21\x32\0\xd8" NAME108), "datagrams are not supported",
        14},
    {"v2: no room for IPv4", S(SIGNATURE "\x21\x11\0\x0b" BYTES4), "too short for its addresses",
        16},
    {"v2: no room for IPv6", S(SIGNATURE "\x21\x21\0\x23" BYTES6), "too short for its addresses",
        16},
    {"v2: no room for unix", S(SIGNATURE "\x21\x31\0\xd7" NAME108 NAME108),
        "too short for its addresses", 16},
    {"v2: 4097 bytes", S(SIGNATURE "\x21\x11\x0f\xf1" BYTES4), "longer than 4096 bytes", 16},
    {"v2: LOCAL of 65551 bytes", S(SIGNATURE "\x20\0\xff\xff"), "longer than 4096 bytes", 16},
    {"v2: a TLV without its length", V4("\x0d", "\x04"), TLVS, 0},
    {"v2: a TLV with half of its length", V4("\x0e", "\x04\0"), TLVS, 0},
    {"v2: a TLV that is too long", V4("\x10", "\x04\0\x02x"), TLVS, 0},
    {"v2: a TLV that is too long after another", V4("\x13", "\x04\0\x01x\x04\x01\0"), TLVS, 0},
    {"v2: TLS without what is verified", V4("\x13", "\x20\0\x04\x01\0\0\0"),
        "truncated TLS information", 0},
    {"v2: an empty TLS", V4("\x0f", "\x20\0\0"), "truncated TLS information", 0},
    {"v2: a TLV within TLS that is too long", V4("\x17", "\x20\0\x08\x01\0\0\0\0\x21\0\x01"),
        "truncated TLS information", 0},
    {"v2: TLS twice", V4("\x1c", "\x20\0\x05\0\0\0\0\0\x20\0\x05\x01\0\0\0\0"),
        "more than one TLV about TLS", 0},
    {"v2: a wrong checksum", V4("\x13", "\x03\0\x04\0\0\0\0"), CHECKSUM_WRONG, 0},
    {"v2: a checksum of other addresses",
        S(SIGNATURE "\x21\x11\0\x13"
                    "\xc0\x00\x02\x03\xc0\x00\x02\x02\xdc\x04\x01\xbb"
                    "\x03\0\x04" CHECKSUM),
        CHECKSUM_WRONG, 0},
    {"v2: a checksum of three bytes", V4("\x12", "\x03\0\x03\0\0\0"), CHECKSUM_WRONG, 0},
    {"v2: an empty checksum", V4("\x0f", "\x03\0\0"), CHECKSUM_WRONG, 0},
    {"v2: a second checksum, which is wrong",
        V4("\x1a", "\x03\0\x04" CHECKSUM_FIRST "\x03\0\x04\0\0\0\0"), CHECKSUM_WRONG, 0},
};

static void test_refused(void)
{
    for (size_t i = 0; i < LENGTH(refused_rows); i++) {
        struct slice header = refused_rows[i].header;
        size_t needed = refused_rows[i].needed ? refused_rows[i].needed : header.size;
        unit_case("refused: %s", refused_rows[i].name);
        for (size_t length = 0; length <= header.size; length++) {
            struct slice part = unit_copy_at_end((struct slice){header.data, length});
            struct proxy_protocol parsed = {.version = 4711};
            size_t size = 4711;
            unit_context("the first %zu bytes", length);
            int r = proxy_protocol_parse(part.data, length, &parsed, &size);
            unit_same_int("status", r, length < needed ? -EAGAIN : -EBADMSG);
            unit_ok(size == 4711, "no size");
            if (r == -EBADMSG)
                unit_same_slice(
                    "problem", slice_of(parsed.problem), slice_of(refused_rows[i].problem));
        }
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

static void test_largest(void)
{
    static const char fixed[] = SIGNATURE "\x21\x11\x0f\xf0" BYTES4 "\x04\x0f\xe1";
    char *room = unit_room_at_end(PROXY_PROTOCOL_MAX_SIZE);
    struct proxy_protocol parsed = {0};
    size_t size = 0;

    unit_case("v2: as many bytes as there may be");
    memcpy(room, fixed, sizeof(fixed) - 1);
    unit_same_int("status, one byte before",
        proxy_protocol_parse(room, PROXY_PROTOCOL_MAX_SIZE - 1, &parsed, &size), -EAGAIN);
    unit_same_int("status", proxy_protocol_parse(room, PROXY_PROTOCOL_MAX_SIZE, &parsed, &size), 0);
    unit_same_number("size", size, PROXY_PROTOCOL_MAX_SIZE);
}

int main(void)
{
    test_accepted(v1_rows, LENGTH(v1_rows), 1);
    test_accepted(v2_rows, LENGTH(v2_rows), 2);
    test_refused();
    test_largest();
    return unit_done();
}
