#include "http/syntax.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
    TCHAR = 1,    /* RFC 9110 §5.6.2 */
    REG_NAME = 2, /* unreserved and sub-delims, RFC 3986 §2.2 and §2.3 */
};

static const unsigned char classes[256] = {
    ['!'] = TCHAR | REG_NAME,
    ['#'] = TCHAR,
    ['$'] = TCHAR | REG_NAME,
    ['%'] = TCHAR,
    ['&'] = TCHAR | REG_NAME,
    ['\''] = TCHAR | REG_NAME,
    ['*'] = TCHAR | REG_NAME,
    ['+'] = TCHAR | REG_NAME,
    ['-'] = TCHAR | REG_NAME,
    ['.'] = TCHAR | REG_NAME,
    ['^'] = TCHAR,
    ['_'] = TCHAR | REG_NAME,
    ['`'] = TCHAR,
    ['|'] = TCHAR,
    ['~'] = TCHAR | REG_NAME,
    ['('] = REG_NAME,
    [')'] = REG_NAME,
    [','] = REG_NAME,
    [';'] = REG_NAME,
    ['='] = REG_NAME,
    ['0' ... '9'] = TCHAR | REG_NAME,
    ['A' ... 'Z'] = TCHAR | REG_NAME,
    ['a' ... 'z'] = TCHAR | REG_NAME,
};

static bool is_in_class(char byte, unsigned class)
{
    return (classes[(unsigned char)byte] & class) != 0;
}

bool syntax_is_tchar(char byte)
{
    return is_in_class(byte, TCHAR);
}

bool syntax_is_field_value_char(char byte)
{
    unsigned char c = (unsigned char)byte;
    return (c >= 0x20 && c != 0x7F) || c == '\t';
}

bool syntax_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool syntax_is_visible(char byte)
{
    return byte > 0x20 && byte < 0x7F;
}

bool syntax_is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= 'a' && byte <= 'z');
}

int syntax_hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

bool syntax_is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!syntax_is_tchar(text.data[i]))
            return false;
    return text.size > 0;
}

struct slice syntax_trim(struct slice text)
{
    while (text.size > 0 && syntax_is_blank(text.data[0]))
        text = slice_after(text, 1);
    while (text.size > 0 && syntax_is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

int syntax_parse_decimal(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;
    bool overflow = false;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -EINVAL;
        overflow |= __builtin_mul_overflow(number, 10u, &number);
        overflow |= __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number);
    }
    if (text.size == 0)
        return -EINVAL;
    if (overflow)
        return -EOVERFLOW;
    *ret_number = number;
    return 0;
}

/* inet_pton(3) takes a string, and accepts exactly the grammar of RFC 3986 §3.2.2. */
bool syntax_parse_ip_address(int family, struct slice text, void *ret_bytes)
{
    char string[INET6_ADDRSTRLEN];

    if (text.size >= sizeof(string) || slice_find(text, '\0') < text.size)
        return false;
    if (text.size > 0)
        memcpy(string, text.data, text.size);
    string[text.size] = '\0';
    return inet_pton(family, string, ret_bytes) == 1;
}

bool syntax_is_ipv4_address(struct slice text)
{
    struct in_addr address;

    return syntax_parse_ip_address(AF_INET, text, &address);
}

bool syntax_is_ipv6_address(struct slice text)
{
    struct in6_addr address;

    return syntax_parse_ip_address(AF_INET6, text, &address);
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) (RFC 3986 §3.2.2). */
static bool is_ip_future(struct slice text)
{
    size_t dot = slice_find(text, '.');

    if (text.size == 0 || (text.data[0] | 0x20) != 'v' || dot < 2 || dot + 1 >= text.size)
        return false;
    for (size_t i = 1; i < text.size; i++) {
        char c = text.data[i];
        if (i < dot ? syntax_hex_value(c) < 0 : i > dot && c != ':' && !is_in_class(c, REG_NAME))
            return false;
    }
    return true;
}

/* IP-literal without its brackets (RFC 3986 §3.2.2). */
static bool is_ip_literal(struct slice text)
{
    return syntax_is_ipv6_address(text) || is_ip_future(text);
}

/* reg-name or IPv4address: unreserved, sub-delims and percent-encoded (RFC 3986 §3.2.2). */
static bool is_reg_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (is_in_class(text.data[i], REG_NAME))
            continue;
        if (text.data[i] != '%' || text.size - i < 3 || syntax_hex_value(text.data[i + 1]) < 0 ||
            syntax_hex_value(text.data[i + 2]) < 0)
            return false;
        i += 2;
    }
    return true;
}

static bool is_port(struct slice text)
{
    uint64_t number = 0;
    /* The grammar allows an empty port: "host:" (RFC 3986 §3.2.3). */
    return text.size == 0 || (syntax_parse_decimal(text, &number) == 0 && number <= 65535);
}

bool syntax_split_authority(
    struct slice authority, bool allow_empty, struct slice *ret_host, struct slice *ret_port)
{
    struct slice host = authority, port = {0};
    bool literal = authority.size > 0 && authority.data[0] == '[';
    size_t end = slice_find(authority, literal ? ']' : ':');

    if (literal) {
        if (end == authority.size)
            return false;
        end++;
    }
    host.size = end;
    if (end < authority.size) {
        if (authority.data[end] != ':')
            return false;
        port = slice_after(authority, end + 1);
    }
    if (literal ? !is_ip_literal((struct slice){host.data + 1, host.size - 2}) : !is_reg_name(host))
        return false;
    if ((host.size == 0 && !(allow_empty && !port.data)) || !is_port(port))
        return false;
    *ret_host = host;
    *ret_port = port;
    return true;
}
