#include "proxy/proxy_protocol.h"

#include "http/syntax.h"

#include <errno.h>

static int header_refuse(struct proxy_protocol *header, const char *problem)
{
    *header = (struct proxy_protocol){.problem = problem};
    return -EBADMSG;
}

/* Whether the bytes are a beginning of the text, or begin with it. */
static bool may_begin_with(struct slice bytes, struct slice text)
{
    size_t size = bytes.size < text.size ? bytes.size : text.size;

    return size == 0 || memcmp(bytes.data, text.data, size) == 0;
}

/* ---- version 1 (PP §2.1) -------------------------------------------------------------------- */

#define V1_PREFIX SLICE("PROXY ")

/* The size of the longest line with its CRLF. */
enum { V1_MAX_SIZE = 107 };

/* Removes and returns the word before the next space or the end, and removes the space. */
static struct slice take_word(struct slice *rest)
{
    struct slice word = {rest->data, slice_find(*rest, ' ')};

    *rest = slice_after(*rest, word.size < rest->size ? word.size + 1 : word.size);
    return word;
}

/* PP §2.1 forbids leading zeros. */
static bool read_v1_port(struct slice text, uint16_t *ret_port)
{
    uint64_t number;

    if (syntax_parse_decimal(text, &number) < 0 || number > UINT16_MAX ||
        (text.size > 1 && text.data[0] == '0'))
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* "source destination source-port destination-port" */
static const char *read_v1_ends(struct slice rest, struct proxy_protocol *header)
{
    bool (*is_address)(struct slice) =
        header->family == PROXY_PROTOCOL_INET ? syntax_is_ipv4_address : syntax_is_ipv6_address;
    size_t spaces = 0; /* four words have three single spaces between them */

    for (size_t i = 0; i < rest.size; i++)
        spaces += rest.data[i] == ' ';
    if (spaces != 3)
        return "expected two addresses and two ports, separated by single spaces";
    header->source.host = take_word(&rest);
    header->destination.host = take_word(&rest);
    if (!is_address(header->source.host) || !is_address(header->destination.host))
        return "invalid address for its family";
    if (!read_v1_port(take_word(&rest), &header->source.port) ||
        !read_v1_port(take_word(&rest), &header->destination.port))
        return "invalid port";
    return NULL;
}

/* The line without its CRLF. */
static const char *read_v1_line(struct slice line, struct proxy_protocol *header)
{
    struct slice rest = slice_after(line, V1_PREFIX.size), family = take_word(&rest);

    if (slice_equal(family, SLICE("UNKNOWN"))) { /* the rest of the line is ignored */
        header->family = PROXY_PROTOCOL_UNKNOWN;
        return NULL;
    }
    if (slice_equal(family, SLICE("TCP4")))
        header->family = PROXY_PROTOCOL_INET;
    else if (slice_equal(family, SLICE("TCP6")))
        header->family = PROXY_PROTOCOL_INET6;
    else
        return "family is not TCP4, TCP6 or UNKNOWN";
    return read_v1_ends(rest, header);
}

static int parse_v1(struct slice data, struct proxy_protocol *ret_header, size_t *ret_size)
{
    size_t most = data.size < V1_MAX_SIZE ? data.size : V1_MAX_SIZE;
    const char *end = memmem(data.data, most, "\r\n", 2);
    struct proxy_protocol header = {.version = 1};

    if (!end)
        return data.size < V1_MAX_SIZE ? -EAGAIN
                                       : header_refuse(ret_header, "line is longer than 107 bytes");
    struct slice line = {data.data, (size_t)(end - data.data)};
    const char *problem = read_v1_line(line, &header);
    if (problem)
        return header_refuse(ret_header, problem);
    *ret_header = header;
    *ret_size = line.size + 2;
    return 0;
}

/* ---- version 2 (PP §2.2) -------------------------------------------------------------------- */

#define V2_SIGNATURE SLICE("\r\n\r\n\0\r\nQUIT\n")

/* Offsets in the fixed part. */
enum {
    V2_COMMAND = 12, /* with the version */
    V2_FAMILY = 13,  /* with the transport protocol */
    V2_LENGTH = 14,  /* of the part after the fixed one */
    V2_FIXED_SIZE = 16,
};

enum { LOCAL = 0, PROXY = 1 };                      /* commands */
enum { UNSPEC = 0, INET = 1, INET6 = 2, UNIX = 3 }; /* families */
enum { STREAM = 1, DGRAM = 2 };                     /* transport protocols, also UNSPEC */

/* TLV types. */
enum {
    TYPE_CRC32C = 0x03,
    TYPE_SSL = 0x20,
};

/* struct pp2_tlv_ssl before its sub-TLVs: a byte of flags, and 4 bytes with the result of verifying
 * the client's certificate (PP §2.2.6). */
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

/* Removes and returns the next TLV. Returns whether it is complete. */
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

/* Whether the checksum, which is part of the header, is that of the header with zeros for it. */
static bool is_checksum_valid(struct slice header, struct slice checksum)
{
    size_t place = (size_t)(checksum.data - header.data);
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.size; i++) {
        bool is_checksum = i >= place && i - place < checksum.size;
        crc = update_crc32c(crc, is_checksum ? 0 : (unsigned char)header.data[i]);
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

/* Two SSL TLVs could contradict each other, so the second is an error. */
static const char *read_tlvs(struct slice rest, struct slice whole, struct proxy_protocol *header)
{
    bool has_ssl = false;

    while (rest.size > 0) {
        const char *problem = NULL;
        struct tlv tlv;
        if (!take_tlv(&rest, &tlv))
            return "TLV is longer than the rest of the header";
        if (tlv.type == TYPE_CRC32C &&
            (tlv.value.size != 4 || !is_checksum_valid(whole, tlv.value)))
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

/* The size of one address without its port, in bytes. */
static size_t address_size(unsigned family)
{
    return family == INET ? 4 : family == INET6 ? 16 : family == UNIX ? 108 : 0;
}

/* The size of both addresses with their ports, in bytes. */
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

/* Whether the header has addresses to use: not with LOCAL, whose family is ignored, and not with an
 * unspecified family or protocol. Without them, the part after the fixed one is ignored. */
static bool has_addresses(struct slice data)
{
    return (byte_at(data, V2_COMMAND) & 15) == PROXY && byte_at(data, V2_FAMILY) >> 4 != UNSPEC &&
        (byte_at(data, V2_FAMILY) & 15) != UNSPEC;
}

/* Checks the received bytes of the fixed part. Returns a problem, or NULL. */
static const char *check_v2_fixed_part(struct slice data)
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
    const char *problem = check_v2_fixed_part(data);

    if (problem)
        return header_refuse(ret_header, problem);
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
            return header_refuse(ret_header, problem);
    }
    *ret_header = header;
    *ret_size = whole.size;
    return 0;
}

/* ---- either version ------------------------------------------------------------------------- */

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
    return header_refuse(ret_header, "missing signature");
}
