/* Tests src/http/request.h, the parser of request heads, as tables of conversations.
 *
 * Each row is parsed whole, growing byte by byte, and split in two at every position; an accepted
 * one also with bytes after it that must not be read. */

#include "http/request.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The head of most rows, and the result of parsing it. */
#define LINE "GET / HTTP/1.1\r\n"
#define HEAD LINE "Host: a\r\n"
#define HEAD10 "GET / HTTP/1.0\r\n"
#define GET_ROOT .method = S("GET"), .target = S("/"), .minor = 1, .host = S("a"), .path = S("/")
#define GET_ROOT10 .method = S("GET"), .target = S("/"), .path = S("/")

#define LIMITS(...) (&(const struct request_limits){__VA_ARGS__})
#define UNTOUCHED ((size_t)4711)

static const struct request_limits generous = {
    .line = 1000,
    .section = 1000,
    .fields = 10,
    .content = 1000,
};

struct row {
    const char *name;
    struct slice input;
    int status; /* what request_parse returns */

    /* of an accepted request; method and target, if set, also of a refused one */
    struct slice method, target;
    unsigned minor;
    enum request_form form;
    struct slice host, path, query;
    bool chunked, has_length, expects;
    uint64_t length;
    const char *fields; /* "name=value" lines; not compared when NULL */

    const struct request_limits *limits; /* NULL: generous */
};

/* ---- RFC 9112 §2.2, §2.3, §3: request line --------------------------------------------------- */

static const struct row line_rows[] = {
    {"RFC 9112 §3: the plainest request", S(HEAD "\r\n"), GET_ROOT, .fields = "Host=a\n"},
    {"RFC 9112 §3.2: HTTP/1.0 needs no Host", S(HEAD10 "\r\n"), GET_ROOT10, .fields = ""},
    {"RFC 9110 §2.5: HTTP/1.9 is understood", S("GET / HTTP/1.9\r\nHost: a\r\n\r\n"),
        .method = S("GET"), .target = S("/"), .minor = 9, .host = S("a"), .path = S("/")},
    {"RFC 9110 §9.1: a method is a token", S("!#$%&'*+-.^_`|~09azAZ / HTTP/1.0\r\n\r\n"),
        .method = S("!#$%&'*+-.^_`|~09azAZ"), .target = S("/"), .path = S("/")},
    {"RFC 9110 §9.1: a method is case-sensitive", S("get / HTTP/1.0\r\n\r\n"), .method = S("get"),
        .target = S("/"), .path = S("/")},
    {"RFC 9112 §3.1: empty method", S(" / HTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.1: colon in the method", S("GE:T / HTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.1: delimiter in the method", S("GET() / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3.1: obs-text in the method", S("G\xc9T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3: two spaces before the target", S("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3: two spaces before the version", S("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3: space at the end", S("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: leading space", S(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: tab before the target", S("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: tab before the version", S("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: tabs instead of both spaces", S("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3.2: space in the target", S("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3: no target", S("GET HTTP/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: a method alone", S("GET\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: a method and a space", S("GET \r\n\r\n"), .status = 400},
    {"RFC 9112 §3: the request line of HTTP/0.9", S("GET /\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: the request line of HTTP/0.9, with space", S("GET / \r\n\r\n"), .status = 400},
    {"RFC 9112 §3: a status line", S("HTTP/1.1 200 OK\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: HTTP/2.0", S("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), .status = 505,
        .method = S("GET"), .target = S("/")},
    {"RFC 9112 §2.3: HTTP/3.0", S("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), .status = 505},
    {"RFC 9112 §2.3: HTTP/9.9", S("GET / HTTP/9.9\r\nHost: a\r\n\r\n"), .status = 505},
    {"RFC 9112 §2.3: HTTP/0.9 written out", S("GET / HTTP/0.9\r\n\r\n"), .status = 505},
    {"RFC 9113 §3.4: the preface of HTTP/2", S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .status = 505},
    {"RFC 9112 §2.3: HTTP is case-sensitive", S("GET / http/1.1\r\nHost: a\r\n\r\n"), .status = 400,
        .method = S("GET"), .target = S("/")},
    {"RFC 9112 §2.3: mixed case", S("GET / HTTp/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: another name", S("GET / HTTQ/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: HTTPS", S("GET / HTTPS/1.1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: two digits after the dot", S("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: two digits before the dot", S("GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: no minor version", S("GET / HTTP/1\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: nothing after the dot", S("GET / HTTP/1.\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: no dot", S("GET / HTTP/111\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.3: comma instead of the dot", S("GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: letter as minor version", S("GET / HTTP/1.x\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: letter as major version", S("GET / HTTP/x.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: colon is next to the digits", S("GET / HTTP/1.:\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: slash as minor version", S("GET / HTTP/1./\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.3: slash is next to the digits", S("GET / HTTP//.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.2: one leading empty line", S("\r\n" HEAD "\r\n"), GET_ROOT,
        .fields = "Host=a\n"},
    {"RFC 9112 §2.2: one empty line before HTTP/1.0", S("\r\n" HEAD10 "\r\n"), GET_ROOT10},
    {"RFC 9112 §2.2: two leading empty lines", S("\r\n\r\n" HEAD "\r\n"), .status = 400},
    {"RFC 9112 §2.2: a leading bare LF", S("\n" HEAD "\r\n"), .status = 400},
    {"RFC 9112 §2.2: a leading bare CR", S("\r" HEAD "\r\n"), .status = 400},
    {"RFC 9112 §2.2: a leading line of white space", S(" \r\n" HEAD "\r\n"), .status = 400},
    {"RFC 9112 §2.2: the line ends with LF", S("GET / HTTP/1.1\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.2: the line ends with CR", S("GET / HTTP/1.1\rHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.2: the line ends with CR CR LF", S("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.2: CR instead of a space", S("GET /\rHTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.2: a TLS handshake", S("\x16\x03\x01\x02"), .status = 400},
    {"RFC 9112 §2.2: NUL", S("\0"), .status = 400},
    {"incomplete: nothing", S(""), .status = -EAGAIN},
    {"incomplete: within the method", S("GE"), .status = -EAGAIN},
    {"incomplete: leading CR", S("\r"), .status = -EAGAIN},
    {"incomplete: a leading empty line", S("\r\n"), .status = -EAGAIN},
    {"incomplete: leading empty line, CR", S("\r\n\r"), .status = -EAGAIN},
    {"incomplete: request line", S("GET / HTTP/1.1"), .status = -EAGAIN},
    {"incomplete: CR of the request line", S("GET / HTTP/1.1\r"), .status = -EAGAIN},
    {"incomplete: LF of the request line", S(LINE), .status = -EAGAIN},
    {"incomplete: within a field line", S(LINE "Ho"), .status = -EAGAIN},
    {"incomplete: CR of a field line", S(LINE "Host: a\r"), .status = -EAGAIN},
    {"incomplete: LF of a field line", S(HEAD), .status = -EAGAIN},
    {"incomplete: CR of the empty line", S(HEAD "\r"), .status = -EAGAIN},
};

/* ---- RFC 9112 §3.2: request-target ----------------------------------------------------------- */

/* A GET request with an origin-form target, and the result of parsing it. */
#define ORIGIN(text) S("GET " text " HTTP/1.1\r\nHost: a\r\n\r\n")
#define ORIGIN_OK(text)                                                                            \
    ORIGIN(text), .method = S("GET"), .target = S(text), .minor = 1, .host = S("a")

static const struct row origin_rows[] = {
    {"RFC 9112 §3.2.1: a path", ORIGIN_OK("/a/b"), .path = S("/a/b")},
    {"RFC 9112 §3.2.1: a path and a query", ORIGIN_OK("/a?b=c"), .path = S("/a"),
        .query = S("b=c")},
    {"RFC 9112 §3.2.1: an empty query is present", ORIGIN_OK("/?"), .path = S("/"), .query = S("")},
    {"RFC 3986 §3.4: the first ? counts", ORIGIN_OK("/a?b?c/d"), .path = S("/a"),
        .query = S("b?c/d")},
    {"RFC 9110 §4.1: absolute-path may begin with //", ORIGIN_OK("//b/c"), .path = S("//b/c")},
    {"RFC 3986 §3.3: all kinds of pchar", ORIGIN_OK("/aZ09-._~!$&'()*+,;=:@/"),
        .path = S("/aZ09-._~!$&'()*+,;=:@/")},
    {"RFC 3986 §3.4: all kinds of pchar in the query", ORIGIN_OK("/?aZ09-._~!$&'()*+,;=:@/?"),
        .path = S("/"), .query = S("aZ09-._~!$&'()*+,;=:@/?")},
    {"dot segments stay", ORIGIN_OK("/a/../../b/."), .path = S("/a/../../b/.")},
    {"a path like an absolute-form", ORIGIN_OK("/http://b/"), .path = S("/http://b/")},
    {"an asterisk in the path", ORIGIN_OK("/*"), .path = S("/*")},
    {"RFC 3986 §2.1: the path stays encoded", ORIGIN_OK("/%41%2F%c3%A9"),
        .path = S("/%41%2F%c3%A9")},
    {"RFC 3986 §2.1: an encoded percent", ORIGIN_OK("/%25"), .path = S("/%25")},
    {"RFC 3986 §2.4: it is decoded only once", ORIGIN_OK("/%2500"), .path = S("/%2500")},
    {"an encoded NUL in the query", ORIGIN_OK("/?%00"), .path = S("/"), .query = S("%00")},
    {"RFC 3986 §2.1: a percent alone", ORIGIN("/%"), .status = 400, .target = S("/%")},
    {"RFC 3986 §2.1: one digit", ORIGIN("/%4"), .status = 400},
    {"RFC 3986 §2.1: one digit before the query", ORIGIN("/%4?1"), .status = 400},
    {"RFC 3986 §2.1: a percent before the query", ORIGIN("/a%?20"), .status = 400},
    {"RFC 3986 §2.1: the first digit is invalid", ORIGIN("/%g0/"), .status = 400},
    {"RFC 3986 §2.1: the second digit is invalid", ORIGIN("/%0g/"), .status = 400},
    {"RFC 3986 §2.1: two percents", ORIGIN("/%%41"), .status = 400},
    {"RFC 3986 §2.1: the %u of browsers", ORIGIN("/%u0041"), .status = 400},
    {"RFC 3986 §2.1: a bad one after a good one", ORIGIN("/%41%4"), .status = 400},
    {"RFC 3986 §7.3: encoded NUL", ORIGIN("/%00"), .status = 400},
    {"RFC 3986 §7.3: encoded NUL within", ORIGIN("/a%00b"), .status = 400},
    {"RFC 9112 §3.2: no fragment in the path", ORIGIN("/a#b"), .status = 400},
    {"RFC 9112 §3.2: no empty fragment", ORIGIN("/#"), .status = 400},
    {"RFC 9112 §3.2: no fragment in the query", ORIGIN("/?a#b"), .status = 400},
    {"RFC 3986 §2: raw UTF-8 in the path", ORIGIN("/caf\xc3\xa9"), .status = 400},
    {"RFC 3986 §2: raw UTF-8 in the query", ORIGIN("/?caf\xc3\xa9"), .status = 400},
    {"RFC 3986 §2: the byte 0x80", ORIGIN("/\x80"), .status = 400},
    {"RFC 3986 §2: the byte 0xFF", ORIGIN("/\xff"), .status = 400},
    {"RFC 3986 §2: DEL", ORIGIN("/\x7f"), .status = 400},
    {"RFC 3986 §2: NUL", ORIGIN("/\0"), .status = 400},
    {"RFC 3986 §2: tab", ORIGIN("/\t"), .status = 400},
    {"RFC 3986 §2: vertical tab", ORIGIN("/\v"), .status = 400},
    {"RFC 9112 §3.2: a relative path", ORIGIN("a"), .status = 400},
    {"RFC 9112 §3.2: a relative path with slash", ORIGIN("a/b"), .status = 400},
    {"RFC 9112 §3.2: a query alone", ORIGIN("?a"), .status = 400},
    {"RFC 9112 §3.2: a dot", ORIGIN("."), .status = 400},
    {"RFC 9112 §3.2: a backslash instead of the slash", ORIGIN("\\a"), .status = 400},
    {"RFC 9112 §3.2.3: authority-form without CONNECT", ORIGIN("a:80"), .status = 400},
    {"RFC 9112 §3.2.4: asterisk-form to GET", ORIGIN("*"), .status = 400},
    {"RFC 9112 §3.2.4: more than an asterisk", S("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3.2.4: asterisk and query", S("OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3.2.4: asterisk to another case", S("options * HTTP/1.1\r\nHost: a\r\n\r\n"),
        .status = 400},
};

/* The Host field differs from the host of the target on purpose. */
#define ABSOLUTE(text) S("GET " text " HTTP/1.1\r\nHost: z\r\n\r\n")
#define ABSOLUTE_OK(text)                                                                          \
    ABSOLUTE(text), .method = S("GET"), .target = S(text), .minor = 1, .form = REQUEST_ABSOLUTE

static const struct row absolute_rows[] = {
    {"RFC 9112 §3.2.2: its host overrides Host", ABSOLUTE_OK("http://h/p?q"), .host = S("h"),
        .path = S("/p"), .query = S("q"), .fields = "Host=z\n"},
    {"RFC 9112 §3.2.2: its host in HTTP/1.0 without Host", S("GET http://h/p HTTP/1.0\r\n\r\n"),
        .method = S("GET"), .target = S("http://h/p"), .form = REQUEST_ABSOLUTE, .host = S("h"),
        .path = S("/p")},
    {"RFC 9112 §3.2: Host is still required", S("GET http://h/p HTTP/1.1\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: Host must still be valid", S("GET http://h/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §3.2: still only one Host",
        S("GET http://h/ HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), .status = 400},
    {"RFC 9110 §4.2.3: the scheme is case-insensitive", ABSOLUTE_OK("HttP://h/"), .host = S("h"),
        .path = S("/")},
    {"RFC 9110 §4.2.2: https", ABSOLUTE_OK("https://h/"), .host = S("h"), .path = S("/")},
    {"RFC 9110 §4.2.3: an empty path is /", ABSOLUTE_OK("http://h"), .host = S("h"),
        .path = S("/")},
    {"RFC 9110 §4.2.3: an empty path before a query", ABSOLUTE_OK("http://h?q"), .host = S("h"),
        .path = S("/"), .query = S("q")},
    {"RFC 3986 §3.2: the authority ends at the first ? too", ABSOLUTE_OK("http://h?q@b/c"),
        .host = S("h"), .path = S("/"), .query = S("q@b/c")},
    {"RFC 9110 §4.2.1: with a port", ABSOLUTE_OK("http://h:8080/p"), .host = S("h:8080"),
        .path = S("/p")},
    {"RFC 3986 §3.2.3: with an empty port", ABSOLUTE_OK("http://h:/p"), .host = S("h:"),
        .path = S("/p")},
    {"RFC 3986 §3.2.2: with an IPv6 address", ABSOLUTE_OK("http://[2001:db8::1]:80/p"),
        .host = S("[2001:db8::1]:80"), .path = S("/p")},
    {"RFC 3986 §3.2.2: an IPv6 address, nothing more", ABSOLUTE_OK("http://[::1]"),
        .host = S("[::1]"), .path = S("/")},
    {"RFC 3986 §3.3: // in the path", ABSOLUTE_OK("http://h//p"), .host = S("h"), .path = S("//p")},
    {"RFC 9110 §4.2.4: userinfo", ABSOLUTE("http://u@h/"), .status = 400},
    {"RFC 9110 §4.2.4: userinfo with password", ABSOLUTE("http://u:p@h/"), .status = 400},
    {"RFC 9110 §4.2.4: empty userinfo", ABSOLUTE("http://@h/"), .status = 400},
    {"RFC 9110 §4.2.1: empty host", ABSOLUTE("http:///p"), .status = 400},
    {"RFC 9110 §4.2.1: empty host and nothing more", ABSOLUTE("http://"), .status = 400},
    {"RFC 9110 §4.2.1: empty host with a query", ABSOLUTE("http://?q"), .status = 400},
    {"RFC 9110 §4.2.1: empty host with a port", ABSOLUTE("http://:80/"), .status = 400},
    {"RFC 3986 §3.2: one slash", ABSOLUTE("http:/h/p"), .status = 400},
    {"RFC 3986 §3.2: no slash", ABSOLUTE("http:h"), .status = 400},
    {"RFC 3986 §3.2: scheme and colon", ABSOLUTE("http:"), .status = 400},
    {"RFC 3986 §3.2: no colon", ABSOLUTE("http//h/"), .status = 400},
    {"RFC 3986 §3.1: no scheme", ABSOLUTE("://h/"), .status = 400},
    {"RFC 9110 §7.4: a scheme not served here", ABSOLUTE("ftp://h/"), .status = 400},
    {"RFC 9110 §7.4: a scheme that begins like http", ABSOLUTE("httpx://h/"), .status = 400},
    {"RFC 3986 §3.2.3: port out of range", ABSOLUTE("http://h:65536/"), .status = 400},
    {"RFC 3986 §3.2.3: port is no number", ABSOLUTE("http://h:8a/"), .status = 400},
    {"RFC 3986 §3.2.2: bracket not closed", ABSOLUTE("http://[::1/p"), .status = 400},
    {"RFC 3986 §3.2.2: backslash before userinfo", ABSOLUTE("http://h\\@b/"), .status = 400},
    {"RFC 3986 §3.2.2: bad percent-encoding", ABSOLUTE("http://h%4/"), .status = 400},
    {"RFC 9112 §3.2: fragment after the host", ABSOLUTE("http://h#@b/"), .status = 400},
    {"RFC 3986 §7.3: encoded NUL in the path", ABSOLUTE("http://h/%00"), .status = 400},
    {"RFC 3986 §2.1: bad encoding in the path", ABSOLUTE("http://h/%"), .status = 400},
    {"RFC 3986 §2: raw UTF-8 in the host", ABSOLUTE("http://\xc3\xa9/"), .status = 400},
};

#define REST " HTTP/1.1\r\nHost: z\r\n\r\n"
#define TARGET_OK(verb, text)                                                                      \
    S(verb " " text REST), .method = S(verb), .target = S(text), .minor = 1
#define CONNECT(text) S("CONNECT " text REST)

static const struct row options_and_connect_rows[] = {
    {"RFC 9112 §3.2.4: asterisk-form", TARGET_OK("OPTIONS", "*"), .form = REQUEST_ASTERISK,
        .host = S("z")},
    {"RFC 9112 §3.2.4: asterisk-form in HTTP/1.0", S("OPTIONS * HTTP/1.0\r\n\r\n"),
        .method = S("OPTIONS"), .target = S("*"), .form = REQUEST_ASTERISK},
    {"RFC 9112 §3.2.4: absolute-form, no path, no query", TARGET_OK("OPTIONS", "http://h:80"),
        .form = REQUEST_ASTERISK, .host = S("h:80")},
    {"RFC 9112 §3.2.4: absolute-form with the path /", TARGET_OK("OPTIONS", "http://h/"),
        .form = REQUEST_ABSOLUTE, .host = S("h"), .path = S("/")},
    {"RFC 9112 §3.2.4: absolute-form with a query", TARGET_OK("OPTIONS", "http://h?q"),
        .form = REQUEST_ABSOLUTE, .host = S("h"), .path = S("/"), .query = S("q")},
    {"RFC 9112 §3.2.4: absolute-form with an empty query", TARGET_OK("OPTIONS", "http://h?"),
        .form = REQUEST_ABSOLUTE, .host = S("h"), .path = S("/"), .query = S("")},
    {"RFC 9110 §9.3.7: OPTIONS of a resource", TARGET_OK("OPTIONS", "/a"), .form = REQUEST_ORIGIN,
        .host = S("z"), .path = S("/a")},
    {"RFC 9112 §3.2.3: authority-form", TARGET_OK("CONNECT", "h:443"), .form = REQUEST_AUTHORITY,
        .host = S("h:443")},
    {"RFC 9112 §3.2.3: an IPv6 address", TARGET_OK("CONNECT", "[::1]:443"),
        .form = REQUEST_AUTHORITY, .host = S("[::1]:443")},
    {"RFC 9112 §3.2.3: no port", CONNECT("h"), .status = 400},
    {"RFC 9110 §9.3.6: empty port", CONNECT("h:"), .status = 400},
    {"RFC 9110 §9.3.6: invalid port", CONNECT("h:65536"), .status = 400},
    {"RFC 9112 §3.2.3: no host", CONNECT(":443"), .status = 400},
    {"RFC 9112 §3.2.3: IPv6 address without port", CONNECT("[::1]"), .status = 400},
    {"RFC 9112 §3.2.3: userinfo", CONNECT("u@h:443"), .status = 400},
    {"RFC 9112 §3.2.3: origin-form", CONNECT("/"), .status = 400},
    {"RFC 9112 §3.2.3: absolute-form", CONNECT("http://h:443/"), .status = 400},
    {"RFC 9112 §3.2.3: asterisk-form", CONNECT("*"), .status = 400},
    {"RFC 9112 §3.2.3: a path after the port", CONNECT("h:443/"), .status = 400},
    {"RFC 9112 §3.2: CONNECT needs a Host too", S("CONNECT h:443 HTTP/1.1\r\n\r\n"), .status = 400},
    {"RFC 9110 §9.1: CONNECT has a case", S("connect h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
        .status = 400},
};

/* ---- RFC 9112 §5: field lines ---------------------------------------------------------------- */

static const struct row field_rows[] = {
    {"RFC 9112 §5: white space around the value", S(HEAD "X: \t b c\t \r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=b c\n"},
    {"RFC 9112 §5: no white space", S(HEAD "X:b\r\n\r\n"), GET_ROOT, .fields = "Host=a\nX=b\n"},
    {"RFC 9110 §5.5: empty value", S(HEAD "X:\r\nY: \t\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=\nY=\n"},
    {"RFC 9112 §5: the first colon counts", S(HEAD "X: b:c: d\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=b:c: d\n"},
    {"RFC 9110 §5.3: repeated fields stay in order", S(HEAD "X: 1\r\nY: 2\r\nx: 3\r\n\r\n"),
        GET_ROOT, .fields = "Host=a\nX=1\nY=2\nx=3\n"},
    {"RFC 9110 §5.5: obs-text in the value", S(HEAD "X: caf\xc3\xa9\xff\x80\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=caf\xc3\xa9\xff\x80\n"},
    {"RFC 9110 §5.5: tab in the value", S(HEAD "X: b\tc\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=b\tc\n"},
    {"RFC 9110 §5.5: delimiters in the value", S(HEAD "X: \"\\(),/:;<=>?@[]{}\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nX=\"\\(),/:;<=>?@[]{}\n"},
    {"RFC 9110 §5.6.2: all kinds of tchars in the name",
        S(HEAD10 "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n"), GET_ROOT10,
        .fields = "!#$%&'*+-.^_`|~09azAZ=b\n"},
    {"a name that begins like another", S(HEAD "Content-Lengt: x\r\nHos: ?\r\nHostx: ?\r\n\r\n"),
        GET_ROOT},
    {"RFC 9112 §2.2: bare CR in the value", S(HEAD "X: b\rc\r\n\r\n"), .status = 400,
        .method = S("GET"), .target = S("/")},
    {"RFC 9112 §2.2: CR CR LF", S(HEAD "X: b\r\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.2: bare LF ends the line", S(HEAD "X: b\nY: c\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.2: bare LF as the empty line", S(HEAD "\n"), .status = 400},
    {"RFC 9112 §2.2: LF CR", S(HEAD "X: b\n\r\n\r"), .status = 400},
    {"RFC 9112 §2.2: CR as the empty line", S(HEAD "\rX"), .status = 400},
    {"RFC 9110 §5.5: NUL in the value", S(HEAD "X: b\0c\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.5: NUL in the name", S(HEAD "X\0: b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.5: DEL in the value", S(HEAD "X: b\x7f\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.5: vertical tab in the value", S(HEAD "X: b\v\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.5: form feed in the value", S(HEAD "X: \fb\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.5: escape in the value", S(HEAD "X: \x1b[1m\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: folding with a space", S(HEAD "X: b\r\n c\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: folding with a tab", S(HEAD "X: b\r\n\tc\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: folding into a field line", S(HEAD "X: b\r\n Y: c\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: folding of Host", S(HEAD " .org\r\n\r\n"), .status = 400},
    {"RFC 9112 §2.2: white space before the first field", S(LINE " Host: a\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §2.2: tab before the first field", S(LINE "\tHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: a line of white space", S(HEAD " \r\n\r\n"), .status = 400},
    {"RFC 9112 §5.1: space before the colon", S(HEAD "X : b\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.1: tab before the colon", S(HEAD "X\t: b\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.1: space before the colon of Host", S(LINE "Host : a\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: empty name", S(HEAD ": b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: a colon alone", S(HEAD ":\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: space in the name", S(HEAD "X Y: b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: parentheses in the name", S(HEAD "X(y): b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: quotes in the name", S(HEAD "\"X\": b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: slash in the name", S(HEAD "X/Y: b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: obs-text in the name", S(HEAD "X\xe9: b\r\n\r\n"), .status = 400},
    {"RFC 9110 §5.1: DEL in the name", S(HEAD "X\x7f: b\r\n\r\n"), .status = 400},
    {"RFC 9112 §5: no colon", S(HEAD "X\r\n\r\n"), .status = 400},
    {"RFC 9112 §5: no colon in a long line", S(HEAD "X b c d=e; f\r\n\r\n"), .status = 400},
    {"RFC 9112 §5: a second request line", S(HEAD "GET /b HTTP/1.1\r\n\r\n"), .status = 400},
    {"RFC 9112 §5: no colon in HTTP/1.0", S(HEAD10 "X\r\n\r\n"), .status = 400},
};

/* ---- RFC 9112 §3.2, RFC 9110 §7.2: Host ------------------------------------------------------ */

#define HOST(text) S(LINE "Host:" text "\r\n\r\n")
#define HOST_OK(text, value)                                                                       \
    HOST(text), .method = S("GET"), .target = S("/"), .minor = 1, .path = S("/"), .host = S(value)

static const struct row host_rows[] = {
    {"RFC 9112 §3.2: missing in HTTP/1.1", S(LINE "\r\n"), .status = 400, .method = S("GET"),
        .target = S("/")},
    {"RFC 9112 §3.2: missing in HTTP/1.1, with fields", S(LINE "X: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: missing in HTTP/1.9", S("GET / HTTP/1.9\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: given in HTTP/1.0", S(HEAD10 "Host: a\r\n\r\n"), GET_ROOT10, .host = S("a")},
    {"RFC 9112 §3.2: twice", S(HEAD "Host: b\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: twice the same", S(HEAD "Host: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: twice in another case", S(HEAD "hOST: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: twice in HTTP/1.0", S(HEAD10 "Host: a\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: twice, first empty", S(LINE "Host:\r\nHost: a\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: twice, second empty", S(HEAD "Host:\r\n\r\n"), .status = 400},
    {"RFC 9112 §3.2: after other fields", S(LINE "X: b\r\nHost: a\r\n\r\n"), GET_ROOT},
    {"RFC 9110 §5.1: the name is case-insensitive", S(LINE "hOsT: a\r\n\r\n"), GET_ROOT},
    {"RFC 9110 §7.2: empty", HOST_OK("", "")},
    {"RFC 9110 §7.2: white space only", HOST_OK(" \t ", "")},
    {"RFC 9110 §7.2: with a port", HOST_OK(" example.org:8080", "example.org:8080")},
    {"RFC 9110 §7.2: with an empty port", HOST_OK(" a:", "a:")},
    {"RFC 9110 §7.2: white space around it", HOST_OK("\t a:1 \t", "a:1")},
    {"RFC 9110 §7.2: an IPv6 address", HOST_OK(" [::1]:80", "[::1]:80")},
    {"RFC 9110 §7.2: an IPv4 address", HOST_OK(" 192.0.2.1", "192.0.2.1")},
    {"RFC 3986 §3.2.2: percent-encoded", HOST_OK(" %61.org", "%61.org")},
    {"RFC 9112 §3.2: two in one", HOST(" a, b"), .status = 400},
    {"RFC 9112 §3.2: space within", HOST(" a b"), .status = 400},
    {"RFC 9112 §3.2: tab within", HOST(" a\tb"), .status = 400},
    {"RFC 9110 §4.2.4: userinfo", HOST(" u@a"), .status = 400},
    {"RFC 9112 §3.2: a path", HOST(" a/b"), .status = 400},
    {"RFC 9112 §3.2: a URI", HOST(" http://a"), .status = 400},
    {"RFC 9112 §3.2: port is no number", HOST(" a:b"), .status = 400},
    {"RFC 9112 §3.2: port out of range", HOST(" a:65536"), .status = 400},
    {"RFC 9112 §3.2: two ports", HOST(" a:1:2"), .status = 400},
    {"RFC 9112 §3.2: raw UTF-8", HOST(" caf\xc3\xa9"), .status = 400},
    {"RFC 9112 §3.2: bad percent-encoding", HOST(" a%2"), .status = 400},
    {"RFC 9112 §3.2: bracket not closed", HOST(" [::1"), .status = 400},
    {"RFC 9112 §3.2: IPv6 address without brackets", HOST(" ::1"), .status = 400},
    {"RFC 9112 §3.2: backslash", HOST(" a\\b"), .status = 400},
    {"RFC 9112 §3.2: number sign", HOST(" a#b"), .status = 400},
    {"RFC 9112 §3.2: invalid in HTTP/1.0 too", S(HEAD10 "Host: a b\r\n\r\n"), .status = 400},
};

/* ---- RFC 9110 §5.3: fields that may come only once ------------------------------------------- */

static const struct row single_rows[] = {
    {"RFC 9110 §8.3: one Content-Type", S(HEAD "Content-Type: text/plain, a/b\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nContent-Type=text/plain, a/b\n"},
    {"RFC 9110 §8.3: two", S(HEAD "Content-Type: text/plain\r\nContent-Type: a/b\r\n\r\n"),
        .status = 400, .method = S("GET"), .target = S("/")},
    {"RFC 9110 §8.3: two equal ones", S(HEAD "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n"),
        .status = 400},
    {"RFC 9110 §8.3: an empty one and another",
        S(HEAD "Content-Type:\r\nX: y\r\ncontent-type: a/b\r\n\r\n"), .status = 400},
    {"RFC 9110 §8.3: two in HTTP/1.0", S(HEAD10 "Content-Type: a/b\r\nCONTENT-TYPE: a/c\r\n\r\n"),
        .status = 400},
    {"RFC 9110 §11.6.2: one Authorization", S(HEAD "Authorization: Basic YTpi\r\n\r\n"), GET_ROOT,
        .fields = "Host=a\nAuthorization=Basic YTpi\n"},
    {"RFC 9110 §11.6.2: two",
        S(HEAD "Authorization: Basic YTpi\r\nauthorization: Bearer a\r\n\r\n"), .status = 400},
    {"RFC 9110 §11.6.2: two equal ones", S(HEAD "Authorization: a b\r\nAuthorization: a b\r\n\r\n"),
        .status = 400},
    {"RFC 9110 §5.3: one of each, and other fields twice",
        S(HEAD "Authorization: a b\r\nContent-Type: a/b\r\nRange: a\r\nRange: b\r\n\r\n"),
        GET_ROOT},
};

/* ---- RFC 9110 §8.6, RFC 9112 §6: framing ----------------------------------------------------- */

#define CL(text) S("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:" text "\r\n\r\n")
#define POST_ROOT .method = S("POST"), .target = S("/"), .minor = 1, .host = S("a"), .path = S("/")
#define CL_OK(text, number) CL(text), POST_ROOT, .has_length = true, .length = (number)
#define TWO_CL(a, b)                                                                               \
    S("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " a "\r\nContent-Length: " b "\r\n\r\n")
#define UNLIMITED LIMITS(.line = 1000, .section = 1000, .fields = 10, .content = UINT64_MAX)

static const struct row content_length_rows[] = {
    {"RFC 9110 §8.6: a number", CL_OK(" 5", 5)},
    {"RFC 9110 §8.6: zero", CL_OK(" 0", 0)},
    {"RFC 9110 §8.6: leading zeros", CL_OK(" 0000000000000000000000000007", 7)},
    {"RFC 9110 §8.6: white space around it", CL_OK("\t5 ", 5)},
    {"RFC 9110 §8.6: with GET", S(HEAD "Content-Length: 5\r\n\r\n"), GET_ROOT, .has_length = true,
        .length = 5},
    {"RFC 9110 §8.6: in HTTP/1.0", S(HEAD10 "Content-Length: 5\r\n\r\n"), GET_ROOT10,
        .has_length = true, .length = 5},
    {"RFC 9110 §5.1: the name is case-insensitive", S(HEAD "cONTENT-lENGTH: 5\r\n\r\n"), GET_ROOT,
        .has_length = true, .length = 5},
    {"RFC 9112 §6.3: twice, different", TWO_CL("5", "6"), .status = 400},
    {"RFC 9112 §6.3: twice the same", TWO_CL("5", "5"), .status = 400},
    {"RFC 9112 §6.3: twice zero", TWO_CL("0", "0"), .status = 400},
    {"RFC 9112 §6.3: second is malformed", TWO_CL("5", "x"), .status = 400},
    {"RFC 9112 §6.3: first is malformed", TWO_CL("x", "5"), .status = 400},
    {"RFC 9112 §6.3: first overflows", TWO_CL("99999999999999999999", "5"), .status = 400},
    {"RFC 9112 §6.3: a list of the same", CL(" 5, 5"), .status = 400},
    {"RFC 9112 §6.3: a list without white space", CL(" 5,5"), .status = 400},
    {"RFC 9112 §6.3: a list of different ones", CL(" 5, 6"), .status = 400},
    {"RFC 9112 §6.3: a list with an empty member", CL(" 5,"), .status = 400},
    {"RFC 9112 §6.3: plus", CL(" +5"), .status = 400},
    {"RFC 9112 §6.3: minus", CL(" -5"), .status = 400},
    {"RFC 9112 §6.3: minus zero", CL(" -0"), .status = 400},
    {"RFC 9112 §6.3: space within", CL(" 5 5"), .status = 400},
    {"RFC 9112 §6.3: hexadecimal", CL(" 0x5"), .status = 400},
    {"RFC 9112 §6.3: hexadecimal digit", CL(" a"), .status = 400},
    {"RFC 9112 §6.3: letter at the end", CL(" 5a"), .status = 400},
    {"RFC 9112 §6.3: exponent", CL(" 1e1"), .status = 400},
    {"RFC 9112 §6.3: fraction", CL(" 5.0"), .status = 400},
    {"RFC 9112 §6.3: underscore", CL(" 1_0"), .status = 400},
    {"RFC 9112 §6.3: quoted", CL(" \"5\""), .status = 400},
    {"RFC 9112 §6.3: parameter", CL(" 5;a=b"), .status = 400},
    {"RFC 9112 §6.3: empty", CL(""), .status = 400},
    {"RFC 9112 §6.3: white space only", CL(" \t"), .status = 400},
    {"RFC 9112 §6.3: digits outside of ASCII", CL(" \xd9\xa5"), .status = 400},
    {"RFC 9112 §6.3: superscript in Latin-1", CL(" 5\xb2"), .status = 400},
    {"RFC 9112 §6.3: leading vertical tab", CL(" \v5"), .status = 400},
    {"RFC 9112 §6.3: malformed in HTTP/1.0 too", S(HEAD10 "Content-Length: 5,5\r\n\r\n"),
        .status = 400},
    {"RFC 9110 §15.5.14: at the limit", CL_OK(" 1000", 1000)},
    {"RFC 9110 §15.5.14: one above the limit", CL(" 1001"), .status = 413, POST_ROOT},
    {"RFC 9110 §15.5.14: above it in HTTP/1.0", S(HEAD10 "Content-Length: 1001\r\n\r\n"),
        .status = 413},
    {"RFC 9110 §8.6: the largest number", CL_OK(" 18446744073709551615", UINT64_MAX),
        .limits = UNLIMITED},
    {"RFC 9110 §8.6: the largest number is above the limit", CL(" 18446744073709551615"),
        .status = 413},
    {"RFC 9110 §8.6: 2^64 overflows", CL(" 18446744073709551616"), .status = 413},
    {"RFC 9110 §8.6: 2^64+5 is not 5", CL(" 18446744073709551621"), .status = 413},
    {"RFC 9110 §8.6: 2^64 overflows whatever the limit", CL(" 18446744073709551616"), .status = 413,
        .limits = UNLIMITED},
    {"RFC 9110 §8.6: many digits overflow",
        CL(" 100000000000000000000000000000000000000000000000000000000000000000000000000"),
        .status = 413},
    {"RFC 9110 §15.5.14: a limit of zero, zero", CL_OK(" 0", 0),
        .limits = LIMITS(.line = 99, .section = 99, .fields = 9)},
    {"RFC 9110 §15.5.14: a limit of zero, one", CL(" 1"), .status = 413,
        .limits = LIMITS(.line = 99, .section = 99, .fields = 9)},
};

#define TE(text) S("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:" text "\r\n\r\n")
#define TE_OK(text) TE(text), POST_ROOT, .chunked = true
#define TWO_TE(a, b) TE(" " a "\r\nTransfer-Encoding: " b)

static const struct row transfer_encoding_rows[] = {
    {"RFC 9112 §6.1: chunked", TE_OK(" chunked")},
    {"RFC 9112 §7: codings are case-insensitive", TE_OK(" ChUnKeD")},
    {"RFC 9112 §6.1: white space around it", TE_OK("\t chunked \t")},
    {"RFC 9112 §6.1: no white space", TE_OK("chunked")},
    {"RFC 9110 §5.1: the name is case-insensitive",
        S("POST / HTTP/1.1\r\nHost: a\r\ntRANSFER-eNCODING: chunked\r\n\r\n"), POST_ROOT,
        .chunked = true},
    {"RFC 9112 §6.1: in HTTP/1.9",
        S("POST / HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), .method = S("POST"),
        .target = S("/"), .minor = 9, .host = S("a"), .path = S("/"), .chunked = true},
    {"RFC 9112 §6.1: in HTTP/1.0", S(HEAD10 "Transfer-Encoding: chunked\r\n\r\n"), .status = 400},
    {"RFC 9112 §6.1: in HTTP/1.0, before a length",
        S(HEAD10 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), .status = 400},
    {"RFC 9112 §6.1: identity in HTTP/1.0", S(HEAD10 "Transfer-Encoding: identity\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §6.3: before a Content-Length", TE(" chunked\r\nContent-Length: 5"), .status = 400},
    {"RFC 9112 §6.3: after a Content-Length",
        S("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        .status = 400},
    {"RFC 9112 §6.3: with a Content-Length of 0", TE(" chunked\r\nContent-Length: 0"),
        .status = 400},
    {"RFC 9112 §6.3: with a Content-Length that is too large",
        TE(" chunked\r\nContent-Length: 99999999999999999999"), .status = 400},
    {"RFC 9112 §6.3: another coding with a Content-Length", TE(" gzip\r\nContent-Length: 5"),
        .status = 400},
    {"RFC 9112 §6.1: a coding not known here, then chunked", TE(" gzip, chunked"), .status = 501},
    {"RFC 9112 §6.1: the same without white space", TE(" gzip,chunked"), .status = 501},
    {"RFC 9112 §6.1: the same with more white space", TE(" gzip\t ,\t chunked"), .status = 501},
    {"RFC 9112 §6.1: the same in two lines", TWO_TE("gzip", "chunked"), .status = 501},
    {"RFC 9112 §6.1: two codings, then chunked", TE(" gzip, deflate, chunked"), .status = 501},
    {"RFC 9112 §7: identity is a coding not known here", TE(" identity, chunked"), .status = 501},
    {"RFC 9112 §6.3: chunked is not final", TE(" chunked, gzip"), .status = 400},
    {"RFC 9112 §6.3: chunked is not final, in two lines", TWO_TE("chunked", "gzip"), .status = 400},
    {"RFC 9112 §6.3: chunked is missing", TE(" gzip"), .status = 400},
    {"RFC 9112 §6.3: identity alone", TE(" identity"), .status = 400},
    {"RFC 9112 §6.3: identity after chunked", TE(" chunked, identity"), .status = 400},
    {"RFC 9112 §6.3: identity after chunked, in two lines", TWO_TE("chunked", "identity"),
        .status = 400},
    {"RFC 9112 §6.1: chunked twice", TE(" chunked, chunked"), .status = 400},
    {"RFC 9112 §6.1: chunked twice without white space", TE(" chunked,chunked"), .status = 400},
    {"RFC 9112 §6.1: chunked twice, in two lines", TWO_TE("chunked", "chunked"), .status = 400},
    {"RFC 9112 §6.1: chunked twice in any case", TE(" chunked, CHUNKED"), .status = 400},
    {"RFC 9112 §6.1: chunked twice around another", TE(" chunked, gzip, chunked"), .status = 400},
    {"RFC 9112 §6.1: chunked twice after another", TE(" gzip, chunked, chunked"), .status = 400},
    {"RFC 9112 §6.3: empty", TE(""), .status = 400},
    {"RFC 9112 §6.3: white space only", TE(" \t "), .status = 400},
    {"RFC 9112 §6.3: a comma only", TE(" ,"), .status = 400},
    {"RFC 9112 §7: no parameters for chunked", TE(" chunked;a=b"), .status = 400},
    {"RFC 9112 §7: no empty parameter for chunked", TE(" chunked;"), .status = 400},
    {"RFC 9112 §7: no parameter after white space", TE(" chunked ; a"), .status = 400},
    {"RFC 9112 §6.3: a name that ends with chunked", TE(" xchunked"), .status = 400},
    {"RFC 9112 §6.3: a name that begins with chunked", TE(" chunkedx"), .status = 400},
    {"RFC 9112 §6.3: a beginning of chunked", TE(" chunke"), .status = 400},
    {"RFC 9112 §6.3: chunked in quotes", TE(" \"chunked\""), .status = 400},
    {"RFC 9112 §6.3: space instead of the comma", TE(" gzip chunked"), .status = 400},
    {"RFC 9112 §6.3: semicolon instead of the comma", TE(" gzip;chunked"), .status = 400},
    {"RFC 9112 §6.3: chunked within a quoted parameter", TE(" gzip;a=\"b, chunked\""),
        .status = 400},
    {"RFC 9112 §6.3: chunked, quoted comma after it", TE(" chunked;a=\",\""), .status = 400},
    {"RFC 9110 §5.5: leading vertical tab", TE(" \vchunked"), .status = 400},
    {"RFC 9110 §5.5: vertical tab at the end", TE(" chunked\v"), .status = 400},
    {"RFC 9110 §5.5: form feed at the end", TE(" chunked\f"), .status = 400},
    {"RFC 9110 §5.5: NUL at the end", TE(" chunked\0"), .status = 400},
    {"RFC 9112 §6.3: leading no-break space",
        TE(" \xa0"
           "chunked"),
        .status = 400},
    {"RFC 9112 §6.3: no-break space at the end", TE(" chunked\xa0"), .status = 400},
    {"RFC 9112 §5.1: space before the colon",
        S("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"), .status = 400},
    {"RFC 9112 §5.2: folding before chunked", TE("\r\n chunked"), .status = 400},
    {"RFC 9112 §6.1: a field of a similar name", S(HEAD "Transfer_Encoding: chunked\r\n\r\n"),
        GET_ROOT, .fields = "Host=a\nTransfer_Encoding=chunked\n"},
    {"RFC 9112 §6.3: neither of both, no content", S("POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
        POST_ROOT},
};

/* ---- RFC 9110 §10.1.1: Expect ---------------------------------------------------------------- */

#define WITH_LENGTH "Content-Length: 5\r\n"
#define HAS_LENGTH .has_length = true, .length = 5

static const struct row expect_rows[] = {
    {"RFC 9110 §10.1.1: with a length", S(HEAD WITH_LENGTH "Expect: 100-continue\r\n\r\n"),
        GET_ROOT, HAS_LENGTH, .expects = true},
    {"RFC 9110 §10.1.1: before the length", S(HEAD "Expect: 100-continue\r\n" WITH_LENGTH "\r\n"),
        GET_ROOT, HAS_LENGTH, .expects = true},
    {"RFC 9110 §10.1.1: the value is case-insensitive",
        S(HEAD WITH_LENGTH "eXPECT: 100-CONTinue\r\n\r\n"), GET_ROOT, HAS_LENGTH, .expects = true},
    {"RFC 9110 §10.1.1: with chunked content",
        S(HEAD "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"), GET_ROOT,
        .chunked = true, .expects = true},
    {"RFC 9110 §10.1.1: in two lines",
        S(HEAD WITH_LENGTH "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"), GET_ROOT,
        HAS_LENGTH, .expects = true},
    {"RFC 9110 §10.1.1: ignored in HTTP/1.0", S(HEAD10 WITH_LENGTH "Expect: 100-continue\r\n\r\n"),
        GET_ROOT10, HAS_LENGTH},
    {"RFC 9110 §10.1.1: ignored without content", S(HEAD "Expect: 100-continue\r\n\r\n"), GET_ROOT},
    {"RFC 9110 §10.1.1: ignored with a length of 0",
        S(HEAD "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"), GET_ROOT, .has_length = true},
    {"RFC 9110 §10.1.1: another expectation", S(HEAD WITH_LENGTH "Expect: 200-ok\r\n\r\n"),
        .status = 417, .method = S("GET"), .target = S("/")},
    {"RFC 9110 §10.1.1: another one without content", S(HEAD "Expect: x\r\n\r\n"), .status = 417},
    {"RFC 9110 §10.1.1: another one after it",
        S(HEAD WITH_LENGTH "Expect: 100-continue, x\r\n\r\n"), .status = 417},
    {"RFC 9110 §10.1.1: another one in a second line",
        S(HEAD WITH_LENGTH "Expect: 100-continue\r\nExpect: x\r\n\r\n"), .status = 417},
    {"RFC 9110 §10.1.1: a parameter", S(HEAD WITH_LENGTH "Expect: 100-continue;a=b\r\n\r\n"),
        .status = 417},
    {"RFC 9110 §10.1.1: a value", S(HEAD WITH_LENGTH "Expect: 100-continue=1\r\n\r\n"),
        .status = 417},
    {"RFC 9110 §10.1.1: only its beginning", S(HEAD WITH_LENGTH "Expect: 100\r\n\r\n"),
        .status = 417},
};

/* ---- limits ---------------------------------------------------------------------------------- */

/* "GET / HTTP/1.1" has 14 bytes; "Host: a" has 11 with its CRLF and that of the empty line. */
enum { LINE_SIZE = 14, SECTION_SIZE = 11 };
#define LINE_LIMIT(n) LIMITS(.line = (n), .section = 99, .fields = 9)
#define SECTION_LIMIT(n) LIMITS(.line = 99, .section = (n), .fields = 9)
#define METHOD_32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ-ABCDE"
#define FIELDS_LIMIT(n) LIMITS(.line = 99, .section = 99, .fields = (n))

static const struct row limit_rows[] = {
    {"RFC 9112 §3: request line at the limit", S(HEAD "\r\n"), GET_ROOT,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: request line above the limit", S(HEAD "\r\n"), .status = 414,
        .limits = LINE_LIMIT(LINE_SIZE - 1)},
    {"RFC 9112 §3: a leading empty line does not count", S("\r\n" HEAD "\r\n"), GET_ROOT,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: above the limit, after an empty line", S("\r\n" HEAD "\r\n"), .status = 414,
        .limits = LINE_LIMIT(LINE_SIZE - 1)},
    {"RFC 9112 §3: above the limit before the line ends", S("GET /aaaaaaaaaaaaaaaaaaaaaaaa"),
        .status = 414, .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: at the limit, not ended", S("GET / HTTP/1.1"), .status = -EAGAIN,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: at the limit, half ended", S("GET / HTTP/1.1\r"), .status = -EAGAIN,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: above the limit and malformed after it", S("GET / HTTP/1.1 \x01"), .status = 414,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: malformed within the limit", S("GET / HTTP/1.1\x01 "), .status = 400,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: the line limit is not for fields",
        S(HEAD "X: 0123456789012345678901234567890123456789\r\n\r\n"), GET_ROOT,
        .limits = LINE_LIMIT(LINE_SIZE)},
    {"RFC 9112 §3: the longest method", S(METHOD_32 " / HTTP/1.0\r\n\r\n"), .method = S(METHOD_32),
        .target = S("/"), .path = S("/")},
    {"RFC 9112 §3: a longer method", S(METHOD_32 "L / HTTP/1.0\r\n\r\n"), .status = 501},
    {"RFC 9112 §3: a longer method, after an empty line",
        S("\r\n" METHOD_32 "L / HTTP/1.0\r\n\r\n"), .status = 501},
    {"RFC 9112 §3: the longest method, not ended", S(METHOD_32), .status = -EAGAIN},
    {"RFC 9112 §3: a longer method, not ended", S(METHOD_32 "L"), .status = 501},
    {"RFC 9112 §3: a longer method, malformed after it", S(METHOD_32 "L\x01"), .status = 501},
    {"RFC 9112 §3: malformed within the longest method", S(METHOD_32 "\x01"), .status = 400},
    {"RFC 9112 §3.1: a malformed method, however long",
        S("(" METHOD_32 METHOD_32 " / HTTP/1.0\r\n\r\n"), .status = 400},
    {"RFC 9112 §3: a longer method above the limit of the line", S(METHOD_32 METHOD_32),
        .status = 501, .limits = LINE_LIMIT(32)},
    {"RFC 9112 §3: a longer method, and a lower limit of the line", S(METHOD_32 METHOD_32),
        .status = 414, .limits = LINE_LIMIT(31)},
    {"RFC 9112 §3: above the limit because of the target",
        S(METHOD_32 " /aaaaaaaaaaaaaaaaaaaaaaaa"), .status = 414, .limits = LINE_LIMIT(40)},
    {"RFC 6585 §5: field section at the limit", S(HEAD "\r\n"), GET_ROOT,
        .limits = SECTION_LIMIT(SECTION_SIZE)},
    {"RFC 6585 §5: field section above the limit", S(HEAD "\r\n"), .status = 431,
        .method = S("GET"), .target = S("/"), .limits = SECTION_LIMIT(SECTION_SIZE - 1)},
    {"RFC 6585 §5: many lines at the limit", S(HEAD "X: b\r\nY: c\r\n\r\n"), GET_ROOT,
        .limits = SECTION_LIMIT(SECTION_SIZE + 12)},
    {"RFC 6585 §5: many lines above the limit", S(HEAD "X: b\r\nY: c\r\n\r\n"), .status = 431,
        .limits = SECTION_LIMIT(SECTION_SIZE + 11)},
    {"RFC 6585 §5: above the limit before the line ends", S(HEAD "X: bbbbbbbbbbbbbbbbbbbbbbbbb"),
        .status = 431, .limits = SECTION_LIMIT(SECTION_SIZE + 12)},
    {"RFC 6585 §5: no fields at the limit", S(HEAD10 "\r\n"), GET_ROOT10,
        .limits = SECTION_LIMIT(2)},
    {"RFC 6585 §5: number of field lines at the limit", S(HEAD "X: b\r\nX: c\r\n\r\n"), GET_ROOT,
        .limits = FIELDS_LIMIT(3)},
    {"RFC 6585 §5: number of field lines above the limit", S(HEAD "X: b\r\nX: c\r\n\r\n"),
        .status = 431, .method = S("GET"), .target = S("/"), .limits = FIELDS_LIMIT(2)},
    {"RFC 6585 §5: no field lines allowed, none present", S(HEAD10 "\r\n"), GET_ROOT10,
        .limits = FIELDS_LIMIT(0)},
    {"RFC 6585 §5: no field lines allowed, one present", S(HEAD "\r\n"), .status = 431,
        .limits = FIELDS_LIMIT(0)},
};

/* ---- running the rows ------------------------------------------------------------------------ */

struct outcome {
    int status;
    struct request request;
    size_t size;
    size_t seen; /* number of bytes passed to the last call */
};

static const struct request_limits *limits_of(const struct row *row)
{
    return row->limits ? row->limits : &generous;
}

/* Parses the bytes that have arrived so far, unless the outcome is already known. */
static void advance(struct outcome *outcome, const struct row *row, const char *data, size_t size)
{
    if (outcome->status != -EAGAIN)
        return;
    outcome->status = request_parse(&outcome->request, data, size, limits_of(row), &outcome->size);
    outcome->seen = size;
}

static struct outcome nothing_yet(void)
{
    return (struct outcome){.status = -EAGAIN, .size = UNTOUCHED};
}

static void check_fields(const struct request *request, const char *expected)
{
    char text[1000];
    size_t size = 0, cursor = 0;
    struct request_field field;

    while (request_next_field(request, &cursor, &field))
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%.*s=%.*s\n",
            (int)field.name.size, field.name.data, (int)field.value.size, field.value.data);
    unit_ok(!request_next_field(request, &cursor, &field), "fields continue after their end");
    if (expected)
        unit_same_slice(
            "fields", (struct slice){text, size}, (struct slice){expected, strlen(expected)});
}

static bool is_within(struct slice inner, struct slice outer)
{
    return !inner.data ||
        (inner.data >= outer.data && inner.data + inner.size <= outer.data + outer.size);
}

/* The scheme, which only an absolute-form target has. */
static struct slice scheme_of(const struct row *row)
{
    size_t colon = slice_find(row->target, ':');
    bool is_absolute = row->form == REQUEST_ABSOLUTE || row->form == REQUEST_ASTERISK;

    return is_absolute && colon < row->target.size ? (struct slice){row->target.data, colon}
                                                   : (struct slice){0};
}

static void check_accepted(const struct outcome *outcome, const struct row *row, struct slice input)
{
    const struct request *request = &outcome->request;

    unit_same_slice("method", request->method, row->method);
    unit_same_slice("target", request->target, row->target);
    unit_same_number("minor", request->minor, row->minor);
    unit_same_int("form", (int)request->form, (int)row->form);
    unit_same_slice("scheme", request->scheme, scheme_of(row));
    unit_same_slice("host", request->host, row->host);
    unit_same_slice("path", request->path, row->path);
    unit_same_slice("query", request->query, row->query);
    unit_ok(request->chunked == row->chunked, "chunked");
    unit_ok(request->has_content_length == row->has_length, "has_content_length");
    if (row->has_length)
        unit_same_number("content_length", request->content_length, row->length);
    unit_ok(request->expects_continue == row->expects, "expects_continue");
    unit_ok(request_has_content(request) == (row->chunked || row->length > 0), "has_content");
    unit_same_number("size of the head", outcome->size, row->input.size);
    unit_ok(is_within(request->method, input) && is_within(request->target, input) &&
            is_within(request->host, input) && is_within(request->query, input) &&
            is_within(request->fields, input),
        "a slice leaves the input");
    unit_ok(!request->problem, "problem: %s", request->problem ? request->problem : "");
    check_fields(request, row->fields);
}

static void check_refused(const struct outcome *outcome, const struct row *row)
{
    unit_same_number("untouched size", outcome->size, UNTOUCHED);
    unit_ok(!outcome->request.problem == (row->status < 0), "problem");
    if (row->method.data)
        unit_same_slice("method", outcome->request.method, row->method);
    if (row->target.data)
        unit_same_slice("target", outcome->request.target, row->target);
}

static bool same_place(struct slice a, struct slice b)
{
    return a.data == b.data && a.size == b.size;
}

/* The outcome does not depend on how the bytes arrive. */
static void check_same(const struct outcome *a, const struct outcome *b)
{
    const struct request *x = &a->request, *y = &b->request;

    unit_same_int("status", a->status, b->status);
    unit_same_number("size", a->size, b->size);
    unit_ok(same_place(x->method, y->method), "method");
    unit_ok(same_place(x->target, y->target), "target");
    unit_ok(same_place(x->scheme, y->scheme), "scheme");
    unit_ok(same_place(x->host, y->host), "host");
    unit_ok(same_place(x->path, y->path), "path");
    unit_ok(same_place(x->query, y->query), "query");
    unit_ok(same_place(x->fields, y->fields), "fields");
    unit_ok(x->minor == y->minor && x->form == y->form && x->chunked == y->chunked &&
            x->has_content_length == y->has_content_length &&
            x->content_length == y->content_length && x->expects_continue == y->expects_continue,
        "framing");
    unit_ok(
        x->problem == y->problem || (x->problem && y->problem && !strcmp(x->problem, y->problem)),
        "problem");
}

/* Bytes that have not arrived yet are NUL, which is refused if it is read too early. */
static void check_growing(const struct row *row, const struct outcome *whole)
{
    struct outcome outcome = nothing_yet();
    char *room = unit_room_at_end(row->input.size);

    unit_context("byte by byte");
    for (size_t size = 0; size < row->input.size; size++) {
        advance(&outcome, row, room, size);
        room[size] = row->input.data[size];
    }
    advance(&outcome, row, room, row->input.size);
    check_same(&outcome, whole);
    if (row->status == 0)
        unit_same_number("bytes needed", outcome.seen, row->input.size);
}

static void check_split(const struct row *row, const struct outcome *whole, size_t at)
{
    struct outcome outcome = nothing_yet();
    char *room = unit_room_at_end(row->input.size);

    unit_context("cut at %zu", at);
    memcpy(room, row->input.data, at);
    advance(&outcome, row, room, at);
    memcpy(room, row->input.data, row->input.size);
    advance(&outcome, row, room, row->input.size);
    check_same(&outcome, whole);
}

/* Passes a size that includes 100 bytes of unreadable memory. */
static void check_unreadable_content(const struct row *row, const struct outcome *whole)
{
    struct outcome outcome = nothing_yet();
    struct slice input = unit_copy_at_end(row->input);

    unit_context("with unreadable content");
    advance(&outcome, row, input.data, input.size + 100);
    check_same(&outcome, whole);
}

static void check_garbage_content(const struct row *row)
{
    static const struct slice garbage = {"\0\n\r\xff :\x7f GET", 11};
    struct outcome outcome = nothing_yet();
    char *room = unit_room_at_end(row->input.size + garbage.size);

    unit_context("with garbage as content");
    memcpy(room, row->input.data, row->input.size);
    memcpy(room + row->input.size, garbage.data, garbage.size);
    advance(&outcome, row, room, row->input.size + garbage.size);
    unit_same_int("status", outcome.status, 0);
    check_accepted(&outcome, row, (struct slice){room, row->input.size});
}

static void run_row(const struct row *row)
{
    struct outcome whole = nothing_yet();
    struct slice input = unit_copy_at_end(row->input);

    unit_case("%s", row->name);
    unit_context("whole");
    advance(&whole, row, input.data, input.size);
    if (!unit_same_int("status", whole.status, row->status))
        unit_ok(false, "problem: %s", whole.request.problem ? whole.request.problem : "none");
    else if (row->status == 0)
        check_accepted(&whole, row, input);
    else
        check_refused(&whole, row);

    check_growing(row, &whole);
    for (size_t at = 0; at <= row->input.size; at++)
        check_split(row, &whole, at);
    if (row->status == 0 && whole.status == 0) {
        check_unreadable_content(row, &whole);
        check_garbage_content(row);
    }
}

/* ---- what does not fit into a row ------------------------------------------------------------ */

static int parse(struct slice input)
{
    struct request request = {0};
    size_t size;

    return request_parse(&request, input.data, input.size, &generous, &size);
}

static bool is_tchar(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_control(int c)
{
    return (c < 0x20 && c != '\t') || c == 0x7F;
}

/* Puts each byte between two texts. `accepts` says which of them must be accepted. */
static void check_bytes(const char *name, struct slice before, struct slice after,
    bool (*accepts)(int byte), bool (*skips)(int byte))
{
    unit_case("%s, each byte", name);
    for (int c = 0; c < 256; c++) {
        if (skips && skips(c))
            continue;
        char *room = unit_room_at_end(before.size + 1 + after.size);
        memcpy(room, before.data, before.size);
        room[before.size] = (char)c;
        memcpy(room + before.size + 1, after.data, after.size);
        unit_context("byte 0x%02x", (unsigned)c);
        unit_same_int("status", parse((struct slice){room, before.size + 1 + after.size}),
            accepts(c) ? 0 : 400);
    }
}

static bool is_name_or_colon(int c)
{
    return is_tchar(c) || c == ':';
}

static bool is_value(int c)
{
    return !is_control(c);
}

/* pchar, "/" and the "?" before a query (RFC 3986 §3.3). */
static bool is_path(int c)
{
    return (is_tchar(c) && !strchr("#%^`|", c)) || (c != 0 && strchr("()/:;=?@,", c));
}

/* Printable, but not in the grammar of a URI. Either outcome is allowed: clients send some of them
 * in practice, and they neither end the target nor change its host. */
static bool is_not_in_uris(int c)
{
    return c != 0 && strchr("\"<>[\\]^`{|}", c);
}

static void test_bytes(void)
{
    check_bytes("RFC 9110 §9.1: method", S("G"), S("T / HTTP/1.0\r\n\r\n"), is_tchar, NULL);
    check_bytes("RFC 3986 §3.3: path", S("GET /"), S(" HTTP/1.0\r\n\r\n"), is_path, is_not_in_uris);
    check_bytes(
        "RFC 9110 §5.1: field name", S(HEAD "X"), S("Y: b\r\n\r\n"), is_name_or_colon, NULL);
    check_bytes("RFC 9110 §5.5: field value", S(HEAD "X: b"), S("c\r\n\r\n"), is_value, NULL);
}

/* request.h: a control character is refused when it arrives, not at the end of its line. */
static void test_early_refusal(void)
{
    static const struct slice beginnings[] = {
        S(""), S("G"), S("GET /"), S("\r\n"), S(LINE), S(LINE "X"), S(LINE "X: b"), S(HEAD)};

    unit_case("RFC 9112 §2.2: a control character is refused when it arrives");
    for (size_t i = 0; i < LENGTH(beginnings); i++)
        for (int c = 0; c < 256; c++) {
            struct slice before = beginnings[i];
            char *room = unit_room_at_end(before.size + 1);
            memcpy(room, before.data, before.size);
            room[before.size] = (char)c;
            unit_context("beginning %zu, byte 0x%02x", i, (unsigned)c);
            unit_same_int("status", parse((struct slice){room, before.size + 1}),
                is_control(c) && c != '\r' ? 400 : -EAGAIN);
        }

    unit_case("RFC 9112 §2.2: a byte other than LF after CR is refused when it arrives");
    for (size_t i = 0; i < LENGTH(beginnings); i++)
        for (int c = 0; c < 256; c++) {
            struct slice before = beginnings[i];
            char *room = unit_room_at_end(before.size + 2);
            memcpy(room, before.data, before.size);
            room[before.size] = '\r';
            room[before.size + 1] = (char)c;
            unit_context("beginning %zu, byte 0x%02x", i, (unsigned)c);
            if (c != '\n')
                unit_same_int("status", parse((struct slice){room, before.size + 2}), 400);
        }
}

/* RFC 9110 §5.6.1.2 ignores empty list members, RFC 9112 §6.1 makes a doubtful framing an error:
 * both accepting it as chunked and refusing it are safe, and nothing else is. */
static void test_empty_codings(void)
{
    static const struct slice rows[] = {TE(" chunked,"), TE(" ,chunked"), TE(" , chunked ,"),
        TWO_TE("", "chunked"), TWO_TE("chunked", "")};

    unit_case("RFC 9112 §6.1: empty members beside chunked are refused, or it is chunked");
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct request request = {0};
        struct slice input = unit_copy_at_end(rows[i]);
        size_t size;
        int r = request_parse(&request, input.data, input.size, &generous, &size);
        unit_ok(r == 400 || r == 501 || (r == 0 && request.chunked), "row %zu: %d", i, r);
    }
}

static void test_path(void)
{
    static const struct {
        struct slice path;
        bool valid;
    } rows[] = {
        {S(""), true},
        {S("/"), true},
        {S("/%20%7e%fF"), true},
        {S("/%01"), true},
        {S("/%10"), true},
        {S("/%00"), false},
        {S("%00"), false},
        {S("/%"), false},
        {S("/%2"), false},
        {S("/%2x"), false},
        {S("/%x2"), false},
        {S("/% 2"), false},
        {S("/%-1"), false},
        {S("/%2\0"), false},
        {S("/%25%"), false},
        {S("/%\xb2\xb2"), false},
    };

    unit_case("RFC 3986 §2.1: percent-encoding of a path");
    for (size_t i = 0; i < LENGTH(rows); i++)
        unit_ok(target_path_is_valid(unit_copy_at_end(rows[i].path)) == rows[i].valid,
            "row %zu: expected %d", i, rows[i].valid);
}

static void run_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_row(&rows[i]);
}

int main(void)
{
    run_rows(line_rows, LENGTH(line_rows));
    run_rows(origin_rows, LENGTH(origin_rows));
    run_rows(absolute_rows, LENGTH(absolute_rows));
    run_rows(options_and_connect_rows, LENGTH(options_and_connect_rows));
    run_rows(field_rows, LENGTH(field_rows));
    run_rows(host_rows, LENGTH(host_rows));
    run_rows(single_rows, LENGTH(single_rows));
    run_rows(content_length_rows, LENGTH(content_length_rows));
    run_rows(transfer_encoding_rows, LENGTH(transfer_encoding_rows));
    run_rows(expect_rows, LENGTH(expect_rows));
    run_rows(limit_rows, LENGTH(limit_rows));
    test_bytes();
    test_early_refusal();
    test_empty_codings();
    test_path();
    return unit_done();
}
