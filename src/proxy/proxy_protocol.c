#include "proxy/proxy_protocol.h"

#include "http/syntax.h"

#include <errno.h>

static int refuse(struct proxy_protocol *header, const char *problem)
{
    *header = (struct proxy_protocol){.problem = problem};
    return -EBADMSG;
}

/* Whether the bytes are the beginning of the text, or begin with it. */
static bool may_begin_with(struct slice bytes, struct slice text)
{
    size_t size = bytes.size < text.size ? bytes.size : text.size;

    return size == 0 || memcmp(bytes.data, text.data, size) == 0;
}

/* ---- version 1 (PP §2.1) -------------------------------------------------------------------- */

#define V1_PREFIX SLICE("PROXY ")

/* The longest line, with its CRLF. */
enum { V1_MAX_SIZE = 107 };

/* What is before the next space, which is taken as well, or before the end. */
static struct slice take_word(struct slice *rest)
{
    struct slice word = {rest->data, slice_find(*rest, ' ')};

    *rest = slice_after(*rest, word.size < rest->size ? word.size + 1 : word.size);
    return word;
}

/* Leading zeros are not permitted. */
static bool read_port(struct slice text, uint16_t *ret_port)
{
    uint64_t number;

    if (syntax_parse_decimal(text, &number) < 0 || number > UINT16_MAX ||
        (text.size > 1 && text.data[0] == '0'))
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* "source destination source-port destination-port" */
static const char *read_ends(struct slice rest, struct proxy_protocol *header)
{
    bool (*is_address)(struct slice) =
        header->family == PROXY_PROTOCOL_INET ? syntax_is_ipv4_address : syntax_is_ipv6_address;
    /* One space between two of four words is three. */
    size_t spaces = 0;

    for (size_t i = 0; i < rest.size; i++)
        spaces += rest.data[i] == ' ';
    if (spaces != 3)
        return "expected two addresses and two ports, separated by single spaces";
    header->source.host = take_word(&rest);
    header->destination.host = take_word(&rest);
    if (!is_address(header->source.host) || !is_address(header->destination.host))
        return "invalid address for its family";
    if (!read_port(take_word(&rest), &header->source.port) ||
        !read_port(take_word(&rest), &header->destination.port))
        return "invalid port";
    return NULL;
}

/* The line without its CRLF. */
static const char *read_line(struct slice line, struct proxy_protocol *header)
{
    struct slice rest = slice_after(line, V1_PREFIX.size), family = take_word(&rest);

    if (slice_equal(family, SLICE("UNKNOWN"))) { /* whatever follows */
        header->family = PROXY_PROTOCOL_UNKNOWN;
        return NULL;
    }
    if (slice_equal(family, SLICE("TCP4")))
        header->family = PROXY_PROTOCOL_INET;
    else if (slice_equal(family, SLICE("TCP6")))
        header->family = PROXY_PROTOCOL_INET6;
    else
        return "family is not TCP4, TCP6 or UNKNOWN";
    return read_ends(rest, header);
}

static int parse_v1(struct slice data, struct proxy_protocol *ret_header, size_t *ret_size)
{
    size_t most = data.size < V1_MAX_SIZE ? data.size : V1_MAX_SIZE;
    const char *end = memmem(data.data, most, "\r\n", 2);
    struct proxy_protocol header = {.version = 1};

    if (!end)
        return data.size < V1_MAX_SIZE ? -EAGAIN
                                       : refuse(ret_header, "line is longer than 107 bytes");
    struct slice line = {data.data, (size_t)(end - data.data)};
    const char *problem = read_line(line, &header);
    if (problem)
        return refuse(ret_header, problem);
    *ret_header = header;
    *ret_size = line.size + 2;
    return 0;
}

/* ---- version 2 (PP §2.2) -------------------------------------------------------------------- */

#define V2_SIGNATURE SLICE("\r\n\r\n\0\r\nQUIT\n")

/* Where its fixed part has what. */
enum {
    V2_COMMAND = 12, /* and the version */
    V2_FAMILY = 13,  /* and the protocol */
    V2_LENGTH = 14,  /* of what follows the fixed part */
    V2_FIXED_SIZE = 16,
};

enum { LOCAL = 0, PROXY = 1 };                      /* commands */
enum { UNSPEC = 0, INET = 1, INET6 = 2, UNIX = 3 }; /* families */
enum { STREAM = 1, DGRAM = 2 };                     /* protocols, and UNSPEC */

/* Types of TLVs. */
enum {
    TYPE_CRC32C = 0x03,
    TYPE_SSL = 0x20,
};

/* The fields of a TLV_SSL before the TLVs within: a byte of flags, and whether the certificate of
 * the client was verified. */
enum {
    SSL_FIXED_SIZE = 1 + 4,
    SSL_CLIENT_SSL = 0x01,
};

static unsigned byte_at(struct slice data, size_t at)
{
    return (unsigned char)data.data[at];
}

static uint16_t number_at(struct slice data, size_t at)
{
    return (uint16_t)(byte_at(data, at) << 8 | byte_at(data, at + 1));
}

struct tlv {
    unsigned type;
    struct slice value;
};

/* Takes the next TLV. Returns whether it is whole. */
static bool take_tlv(struct slice *rest, struct tlv *ret)
{
    enum { HEAD_SIZE = 3 }; /* type and length */

    if (rest->size < HEAD_SIZE)
        return false;
    unsigned type = byte_at(*rest, 0);
    size_t length = number_at(*rest, 1);
    *rest = slice_after(*rest, HEAD_SIZE);
    if (rest->size < length)
        return false;
    *ret = (struct tlv){type, {rest->data, length}};
    *rest = slice_after(*rest, length);
    return true;
}

static bool are_tlvs(struct slice rest)
{
    struct tlv tlv;

    while (rest.size > 0)
        if (!take_tlv(&rest, &tlv))
            return false;
    return true;
}

/* PP §2.2.3, RFC 4960 appendix B: the polynomial 0x1EDC6F41, its bits reflected. */
static uint32_t update_crc32c(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    return crc;
}

/* Whether the checksum, which lies in the header, is that of the header with zeros in its place. */
static bool is_checksum_right(struct slice header, struct slice checksum)
{
    size_t place = (size_t)(checksum.data - header.data);
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.size; i++) {
        bool is_own = i >= place && i - place < checksum.size;
        crc = update_crc32c(crc, is_own ? 0 : (unsigned char)header.data[i]);
    }
    return ~crc == ((uint32_t)number_at(checksum, 0) << 16 | number_at(checksum, 2));
}

static const char *read_ssl(struct slice value, bool *ret_is_tls)
{
    if (value.size < SSL_FIXED_SIZE || !are_tlvs(slice_after(value, SSL_FIXED_SIZE)))
        return "truncated TLS information";
    *ret_is_tls = byte_at(value, 0) & SSL_CLIENT_SSL;
    return NULL;
}

/* To speak of TLS twice could be understood in two ways. */
static const char *read_tlvs(struct slice rest, struct slice whole, struct proxy_protocol *header)
{
    bool has_ssl = false;

    while (rest.size > 0) {
        const char *problem = NULL;
        struct tlv tlv;
        if (!take_tlv(&rest, &tlv))
            return "TLV is longer than the rest of the header";
        if (tlv.type == TYPE_CRC32C &&
            (tlv.value.size != 4 || !is_checksum_right(whole, tlv.value)))
            problem = "wrong checksum";
        if (tlv.type == TYPE_SSL) {
            problem =
                has_ssl ? "more than one TLV about TLS" : read_ssl(tlv.value, &header->is_tls);
            has_ssl = true;
        }
        if (problem)
            return problem;
    }
    return NULL;
}

/* The size of an address, without its port. */
static size_t address_size(unsigned family)
{
    return family == INET ? 4 : family == INET6 ? 16 : family == UNIX ? 108 : 0;
}

/* Of both addresses, with their ports. */
static size_t addresses_size(unsigned family)
{
    return 2 * (address_size(family) + (family == INET || family == INET6 ? 2 : 0));
}

static void read_addresses(struct slice block, unsigned family, struct proxy_protocol *header)
{
    size_t size = address_size(family);

    if (family == UNIX) {
        header->family = PROXY_PROTOCOL_UNIX;
        return;
    }
    header->family = family == INET ? PROXY_PROTOCOL_INET : PROXY_PROTOCOL_INET6;
    header->source = (struct proxy_protocol_end){{block.data, size}, number_at(block, 2 * size)};
    header->destination =
        (struct proxy_protocol_end){{block.data + size, size}, number_at(block, 2 * size + 2)};
}

/* How far the addresses count: not with LOCAL, whose family is ignored, nor with a family or a
 * protocol that is not specified. What follows the fixed part has no meaning then. */
static bool has_addresses(struct slice data)
{
    return (byte_at(data, V2_COMMAND) & 15) == PROXY && byte_at(data, V2_FAMILY) >> 4 != UNSPEC &&
        (byte_at(data, V2_FAMILY) & 15) != UNSPEC;
}

/* What can be said of the fixed part, as far as it has arrived. */
static const char *judge_v2(struct slice data)
{
    if (data.size > V2_COMMAND && byte_at(data, V2_COMMAND) >> 4 != 2)
        return "unknown version";
    if (data.size > V2_COMMAND && (byte_at(data, V2_COMMAND) & 15) > PROXY)
        return "unknown command";
    if (data.size > V2_FAMILY && (byte_at(data, V2_COMMAND) & 15) == PROXY) {
        unsigned family = byte_at(data, V2_FAMILY) >> 4, protocol = byte_at(data, V2_FAMILY) & 15;
        if (family > UNIX || protocol > DGRAM)
            return "unknown family or protocol";
        if (protocol == DGRAM)
            return "datagrams are not supported";
    }
    if (data.size >= V2_FIXED_SIZE) {
        size_t length = number_at(data, V2_LENGTH);
        if (length > PROXY_PROTOCOL_MAX_SIZE - V2_FIXED_SIZE)
            return "longer than 4096 bytes";
        if (has_addresses(data) && length < addresses_size(byte_at(data, V2_FAMILY) >> 4))
            return "too short for its addresses";
    }
    return NULL;
}

static int parse_v2(struct slice data, struct proxy_protocol *ret_header, size_t *ret_size)
{
    struct proxy_protocol header = {.version = 2};
    const char *problem = judge_v2(data);

    if (problem)
        return refuse(ret_header, problem);
    if (data.size < V2_FIXED_SIZE || data.size - V2_FIXED_SIZE < number_at(data, V2_LENGTH))
        return -EAGAIN;
    struct slice whole = {data.data, V2_FIXED_SIZE + number_at(data, V2_LENGTH)};
    if ((byte_at(data, V2_COMMAND) & 15) == PROXY)
        header.family = PROXY_PROTOCOL_UNKNOWN;
    if (has_addresses(data)) {
        unsigned family = byte_at(data, V2_FAMILY) >> 4;
        struct slice block = slice_after(whole, V2_FIXED_SIZE);
        read_addresses(block, family, &header);
        problem = read_tlvs(slice_after(block, addresses_size(family)), whole, &header);
        if (problem)
            return refuse(ret_header, problem);
    }
    *ret_header = header;
    *ret_size = whole.size;
    return 0;
}

/* ---- both ----------------------------------------------------------------------------------- */

int proxy_protocol_parse(
    const char *data, size_t size, struct proxy_protocol *ret_header, size_t *ret_size)
{
    struct slice bytes = {data, size};

    if (size == 0)
        return -EAGAIN;
    if (may_begin_with(bytes, V2_SIGNATURE))
        return size < V2_SIGNATURE.size ? -EAGAIN : parse_v2(bytes, ret_header, ret_size);
    if (may_begin_with(bytes, V1_PREFIX))
        return size < V1_PREFIX.size ? -EAGAIN : parse_v1(bytes, ret_header, ret_size);
    return refuse(ret_header, "missing signature");
}
