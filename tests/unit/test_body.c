/* Tests src/http/body.h, the content decoder, as tables of conversations.
 *
 * Each row is decoded whole, byte by byte, and split in two at every position; complete content is
 * also decoded with a second request after it, of which no byte may be consumed. */

#include "http/body.h"
#include "unit.h"

#define S(literal) SLICE(literal)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define UNTOUCHED ((size_t)4711)

/* body_decode returns 0 for both of these. */
enum {
    DONE = 0,
    INCOMPLETE = 1,
};

static const struct body_limits generous = {.content = 1000, .overhead = 1000};

/* The empty line that ends the trailer section counts as part of it. */
enum { EMPTY_LINE = 2 };

#define LIMITS(...) (&(const struct body_limits){__VA_ARGS__})
#define CONTENT_LIMIT(n) LIMITS(.content = (n), .overhead = 1000)
#define OVERHEAD_LIMIT(n) LIMITS(.content = 1000, .overhead = (n) + EMPTY_LINE)

struct row {
    const char *name;
    struct slice input;
    int outcome;                      /* DONE, INCOMPLETE or the status */
    struct slice content;             /* up to the end or the error; not compared with 431 */
    const struct body_limits *limits; /* NULL: generous */
};

/* ---- RFC 9112 §7.1: chunked ------------------------------------------------------------------ */

#define END "0\r\n\r\n"

static const struct row chunk_rows[] = {
    {"RFC 9112 §7.1: no content", S(END), .outcome = DONE},
    {"RFC 9112 §7.1: one chunk", S("5\r\nhello\r\n" END), .content = S("hello")},
    {"RFC 9112 §7.1: two chunks", S("5\r\nhello\r\n6\r\n world\r\n" END),
        .content = S("hello world")},
    {"RFC 9112 §7.1: chunks of one byte", S("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n" END),
        .content = S("abc")},
    {"RFC 9112 §7.1: a size of two digits", S("1a\r\nabcdefghijklmnopqrstuvwxyz\r\n" END),
        .content = S("abcdefghijklmnopqrstuvwxyz")},
    {"RFC 9112 §7.1: capital digits", S("B\r\nhello world\r\n" END), .content = S("hello world")},
    {"RFC 9112 §7.1: the largest digit", S("F\r\n0123456789abcde\r\n" END),
        .content = S("0123456789abcde")},
    {"RFC 9112 §7.1: CR LF as content", S("4\r\n\r\n\r\n\r\n" END), .content = S("\r\n\r\n")},
    {"RFC 9112 §7.1: a last chunk as content", S("5\r\n0\r\n\r\n\r\n" END),
        .content = S("0\r\n\r\n")},
    {"RFC 9112 §7.1: any byte as content", S("4\r\n\0\xff\x7f\n\r\n" END),
        .content = S("\0\xff\x7f\n")},
    {"RFC 9112 §7.1: leading zeros", S("0005\r\nhello\r\n" END), .content = S("hello")},
    {"RFC 9112 §7.1: a last chunk of many zeros", S("00000\r\n\r\n"), .outcome = DONE},
    {"RFC 9112 §7.1: more zeros than 64 bits have digits", S("000000000000000000001\r\na\r\n" END),
        .content = S("a")},
    {"RFC 9112 §7.1: empty size", S("\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: empty size after a chunk", S("1\r\na\r\n\r\n"), .outcome = 400,
        .content = S("a")},
    {"RFC 9112 §7.1: not a digit", S("g\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: digit, then not a digit", S("5g\r\nhello"), .outcome = 400},
    {"RFC 9112 §7.1: 0x", S("0x5\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: plus", S("+5\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: minus", S("-5\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: minus zero", S("-0\r\n\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: underscore", S("1_0\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: leading space", S(" 5\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: leading tab", S("\t5\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: space at the end is no extension", S("5 \r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: tab at the end is no extension", S("5\t\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: space between digits", S("1 0\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: NUL after the size", S("5\0\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: vertical tab after the size", S("5\v\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: digit outside of ASCII", S("\xb2\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: comma after the size", S("5,a=b\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: size line ends with LF", S("5\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: size line ends with CR", S("5\rhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: size line ends with CR CR LF", S("5\r\r\nhello\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1: last chunk ends with LF", S("0\n\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: last chunk ends with CR", S("0\r\r\n"), .outcome = 400},
    {"RFC 9112 §7.1: chunk ends with LF", S("5\r\nhello\n" END), .outcome = 400,
        .content = S("hello")},
    {"RFC 9112 §7.1: chunk ends with CR", S("5\r\nhello\r" END), .outcome = 400,
        .content = S("hello")},
    {"RFC 9112 §7.1: chunk ends with CR and another byte", S("5\r\nhello\rX" END), .outcome = 400,
        .content = S("hello")},
    {"RFC 9112 §7.1: chunk ends with another byte and LF", S("5\r\nhelloX\n" END), .outcome = 400,
        .content = S("hello")},
    {"RFC 9112 §7.1: size line ends with CR and another byte", S("5\rXhello\r\n" END),
        .outcome = 400},
    {"RFC 9112 §7.1: chunk ends with nothing", S("5\r\nhello" END), .outcome = 400,
        .content = S("hello")},
    {"RFC 9112 §7.1: chunk is longer than its size", S("4\r\nhello\r\n" END), .outcome = 400,
        .content = S("hell")},
    {"RFC 9112 §7.1: chunk is shorter than its size", S("6\r\nhello\r\n" END), .outcome = 400,
        .content = S("hello\r")},
    {"RFC 9112 §7.1: a chunk after the last one", S("0\r\n5\r\nhello\r\n"), .outcome = 400},
    {"incomplete: nothing", S(""), .outcome = INCOMPLETE},
    {"incomplete: size", S("5"), .outcome = INCOMPLETE},
    {"incomplete: CR of the size line", S("5\r"), .outcome = INCOMPLETE},
    {"incomplete: size line", S("5\r\n"), .outcome = INCOMPLETE},
    {"incomplete: content", S("5\r\nhell"), .outcome = INCOMPLETE, .content = S("hell")},
    {"incomplete: all content", S("5\r\nhello"), .outcome = INCOMPLETE, .content = S("hello")},
    {"incomplete: CR of the content", S("5\r\nhello\r"), .outcome = INCOMPLETE,
        .content = S("hello")},
    {"incomplete: chunk", S("5\r\nhello\r\n"), .outcome = INCOMPLETE, .content = S("hello")},
    {"incomplete: size of the last chunk", S("0"), .outcome = INCOMPLETE},
    {"incomplete: last chunk", S("0\r\n"), .outcome = INCOMPLETE},
    {"incomplete: CR of the empty line", S("0\r\n\r"), .outcome = INCOMPLETE},
};

/* ---- RFC 9112 §7.1.1: chunk extensions ------------------------------------------------------- */

/* A chunk with this text after its size, and the last chunk. */
#define EXTENDED(extension) S("1" extension "\r\na\r\n" END)
#define EXTENDED_OK(extension) EXTENDED(extension), .content = S("a")

static const struct row extension_rows[] = {
    {"RFC 9112 §7.1.1: a name", EXTENDED_OK(";b")},
    {"RFC 9112 §7.1.1: a name and a value", EXTENDED_OK(";b=c")},
    {"RFC 9112 §7.1.1: several", EXTENDED_OK(";b;c=d;e=\"f\";g")},
    {"RFC 9112 §7.1.1: all kinds of tchars", EXTENDED_OK(";!#$%&'*+-.^_`|~09azAZ=!#$%&'*+-.^_`|~")},
    {"RFC 9112 §7.1.1: a quoted value", EXTENDED_OK(";b=\"c d;e=f,\t[]\"")},
    {"RFC 9112 §7.1.1: an empty quoted value", EXTENDED_OK(";b=\"\"")},
    {"RFC 9112 §7.1.1: a quoted pair", EXTENDED_OK(";b=\"\\\"\\\\\\c\\ \\\t\"")},
    {"RFC 9112 §7.1.1: obs-text in quotes", EXTENDED_OK(";b=\"\xc3\xa9\\\xff\"")},
    {"RFC 9112 §7.1.1: white space before the semicolon", EXTENDED_OK(" \t;b")},
    {"RFC 9112 §7.1.1: white space after the semicolon", EXTENDED_OK("; \tb")},
    {"RFC 9112 §7.1.1: white space around the equals sign", EXTENDED_OK(";b \t= \tc")},
    {"RFC 9112 §7.1.1: white space before the next one", EXTENDED_OK(";b=c ;d \t;e=\"f\"\t;g")},
    {"RFC 9112 §7.1.1: on the last chunk", S("0;b=c\r\n\r\n"), .outcome = DONE},
    {"RFC 9112 §7.1.1: nothing after the semicolon", EXTENDED(";"), .outcome = 400},
    {"RFC 9112 §7.1.1: only white space after the semicolon", EXTENDED("; "), .outcome = 400},
    {"RFC 9112 §7.1.1: two semicolons", EXTENDED(";;b"), .outcome = 400},
    {"RFC 9112 §7.1.1: semicolon at the end", EXTENDED(";b;"), .outcome = 400},
    {"RFC 9112 §7.1.1: no name", EXTENDED(";=c"), .outcome = 400},
    {"RFC 9112 §7.1.1: a quoted name", EXTENDED(";\"b\""), .outcome = 400},
    {"RFC 9112 §7.1.1: no value", EXTENDED(";b="), .outcome = 400},
    {"RFC 9112 §7.1.1: white space as the value", EXTENDED(";b= "), .outcome = 400},
    {"RFC 9112 §7.1.1: semicolon as the value", EXTENDED(";b=;c"), .outcome = 400},
    {"RFC 9112 §7.1.1: two equals signs", EXTENDED(";b==c"), .outcome = 400},
    {"RFC 9112 §7.1.1: two values", EXTENDED(";b=c=d"), .outcome = 400},
    {"RFC 9112 §7.1.1: two words", EXTENDED(";b c"), .outcome = 400},
    {"RFC 9112 §7.1.1: two words as value", EXTENDED(";b=c d"), .outcome = 400},
    {"RFC 9112 §7.1.1: comma in the value", EXTENDED(";b=c,d"), .outcome = 400},
    {"RFC 9112 §7.1.1: obs-text in the name", EXTENDED(";b\xe9"), .outcome = 400},
    {"RFC 9112 §7.1.1: obs-text in the value", EXTENDED(";b=\xe9"), .outcome = 400},
    {"RFC 9112 §7.1.1: white space at the end, name", EXTENDED(";b "), .outcome = 400},
    {"RFC 9112 §7.1.1: white space at the end, value", EXTENDED(";b=c\t"), .outcome = 400},
    {"RFC 9112 §7.1.1: white space at the end, quotes", EXTENDED(";b=\"c\" "), .outcome = 400},
    {"RFC 9112 §7.1.1: text after the quotes", EXTENDED(";b=\"c\"d"), .outcome = 400},
    {"RFC 9112 §7.1.1: two quoted values", EXTENDED(";b=\"c\"\"d\""), .outcome = 400},
    {"RFC 9112 §7.1.1: quotes not closed", EXTENDED(";b=\"c"), .outcome = 400},
    {"RFC 9112 §7.1.1: quotes closed by a quoted pair", EXTENDED(";b=\"c\\\""), .outcome = 400},
    {"RFC 9112 §7.1.1: quotes within a token", EXTENDED(";b=c\"d\""), .outcome = 400},
    {"RFC 9112 §7.1.1: CR LF in quotes", EXTENDED(";b=\"\r\n\""), .outcome = 400},
    {"RFC 9112 §7.1.1: LF in quotes", EXTENDED(";b=\"\n\""), .outcome = 400},
    {"RFC 9112 §7.1.1: NUL in quotes", EXTENDED(";b=\"\0\""), .outcome = 400},
    {"RFC 9112 §7.1.1: DEL in quotes", EXTENDED(";b=\"\x7f\""), .outcome = 400},
    {"RFC 9112 §7.1.1: quoted CR", EXTENDED(";b=\"\\\r\""), .outcome = 400},
    {"RFC 9112 §7.1.1: quoted LF", EXTENDED(";b=\"\\\n\""), .outcome = 400},
    {"RFC 9112 §7.1.1: quoted NUL", EXTENDED(";b=\"\\\0\""), .outcome = 400},
    {"RFC 9112 §7.1.1: LF after the name", S("1;b\na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: LF after the semicolon", S("1;\na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: LF after the value", S("1;b=c\na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: LF after the quotes", S("1;b=\"c\"\na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: LF after white space", S("1 \na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: bare CR after the name", S("1;b\ra\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: NUL in the name", S("1;b\0\r\na\r\n" END), .outcome = 400},
    {"RFC 9112 §7.1.1: vertical tab as white space", S("1\v;b\r\na\r\n" END), .outcome = 400},
};

/* ---- RFC 9112 §7.1.2: trailer section -------------------------------------------------------- */

#define TRAILERS_OK(lines) TRAILERS(lines), .outcome = DONE
#define TRAILERS(lines) S("0\r\n" lines "\r\n")

static const struct row trailer_rows[] = {
    {"RFC 9112 §7.1.2: one field", TRAILERS_OK("A: b\r\n")},
    {"RFC 9112 §7.1.2: two fields", TRAILERS_OK("A: b\r\nC:d\r\n")},
    {"RFC 9112 §7.1.2: empty value", TRAILERS_OK("A:\r\nB: \r\n")},
    {"RFC 9112 §7.1.2: after a chunk", S("1\r\na\r\n0\r\nA: b\r\n\r\n"), .content = S("a")},
    {"RFC 9112 §7.1.2: obs-text and tab in the value", TRAILERS_OK("A:\t\xc3\xa9\tb\r\n")},
    {"RFC 9112 §7.1.2: colons in the value", TRAILERS_OK("A: b:c: d\r\n")},
    {"RFC 9112 §7.1.2: all kinds of tchars", TRAILERS_OK("!#$%&'*+-.^_`|~09azAZ: b\r\n")},
    {"RFC 9110 §6.5.1: framing fields have no effect",
        TRAILERS_OK("Content-Length: 99\r\nTransfer-Encoding: gzip\r\n")},
    {"RFC 9112 §5: no colon", TRAILERS("A\r\n"), .outcome = 400},
    {"RFC 9112 §5: no colon, with value", TRAILERS("A b\r\n"), .outcome = 400},
    {"RFC 9112 §5.1: empty name", TRAILERS(": b\r\n"), .outcome = 400},
    {"RFC 9112 §5.1: space before the colon", TRAILERS("A : b\r\n"), .outcome = 400},
    {"RFC 9112 §5.1: tab before the colon", TRAILERS("A\t: b\r\n"), .outcome = 400},
    {"RFC 9112 §5.2: folding", TRAILERS("A: b\r\n c\r\n"), .outcome = 400},
    {"RFC 9112 §5.2: folding with a tab", TRAILERS("A: b\r\n\tc\r\n"), .outcome = 400},
    {"RFC 9112 §5.2: leading white space", TRAILERS(" A: b\r\n"), .outcome = 400},
    {"RFC 9110 §5.1: delimiter in the name", TRAILERS("A(b): c\r\n"), .outcome = 400},
    {"RFC 9110 §5.1: obs-text in the name", TRAILERS("A\xe9: c\r\n"), .outcome = 400},
    {"RFC 9110 §5.1: NUL in the name", TRAILERS("A\0: c\r\n"), .outcome = 400},
    {"RFC 9110 §5.5: NUL in the value", TRAILERS("A: \0\r\n"), .outcome = 400},
    {"RFC 9110 §5.5: DEL in the value", TRAILERS("A: \x7f\r\n"), .outcome = 400},
    {"RFC 9110 §5.5: vertical tab in the value", TRAILERS("A: \v\r\n"), .outcome = 400},
    {"RFC 9112 §2.2: LF ends the line", TRAILERS("A: b\n"), .outcome = 400},
    {"RFC 9112 §2.2: CR ends the line", TRAILERS("A: b\rC: d\r\n"), .outcome = 400},
    {"RFC 9112 §2.2: CR CR LF", TRAILERS("A: b\r\r\n"), .outcome = 400},
    {"RFC 9112 §2.2: CR in the name", TRAILERS("A\r: b\r\n"), .outcome = 400},
    {"RFC 9112 §2.2: LF as the empty line", S("0\r\n\n"), .outcome = 400},
    {"RFC 9112 §2.2: LF as the empty line after a field", S("0\r\nA: b\r\n\n"), .outcome = 400},
    {"RFC 9112 §2.2: CR as the empty line", S("0\r\n\rG"), .outcome = 400},
    {"RFC 9112 §2.2: a request as the trailer section", S("0\r\nGET / HTTP/1.1\r\n"),
        .outcome = 400},
    {"incomplete: name", S("0\r\nA"), .outcome = INCOMPLETE},
    {"incomplete: value", S("0\r\nA: b"), .outcome = INCOMPLETE},
    {"incomplete: CR", S("0\r\nA: b\r"), .outcome = INCOMPLETE},
    {"incomplete: field line", S("0\r\nA: b\r\n"), .outcome = INCOMPLETE},
    {"incomplete: CR of the empty line", S("0\r\nA: b\r\n\r"), .outcome = INCOMPLETE},
};

/* ---- limits ---------------------------------------------------------------------------------- */

static const struct row limit_rows[] = {
    {"RFC 9110 §15.5.14: content at the limit", S("5\r\nhello\r\n" END), .content = S("hello"),
        .limits = CONTENT_LIMIT(5)},
    {"RFC 9110 §15.5.14: content above the limit", S("5\r\nhello\r\n" END), .outcome = 413,
        .limits = CONTENT_LIMIT(4)},
    {"RFC 9110 §15.5.14: across chunks at the limit", S("3\r\nabc\r\n2\r\nde\r\n" END),
        .content = S("abcde"), .limits = CONTENT_LIMIT(5)},
    {"RFC 9110 §15.5.14: across chunks above the limit", S("3\r\nabc\r\n3\r\ndef\r\n" END),
        .outcome = 413, .content = S("abc"), .limits = CONTENT_LIMIT(5)},
    {"RFC 9110 §15.5.14: one byte above the limit", S("3\r\nabc\r\n1\r\nd\r\n" END), .outcome = 413,
        .content = S("abc"), .limits = CONTENT_LIMIT(3)},
    {"RFC 9110 §15.5.14: a limit of zero, no content", S(END), .limits = CONTENT_LIMIT(0)},
    {"RFC 9110 §15.5.14: a limit of zero, one byte", S("1\r\na\r\n" END), .outcome = 413,
        .limits = CONTENT_LIMIT(0)},
    {"RFC 9112 §7.1: the largest size", S("FFFFFFFFFFFFFFFF\r\nabc"), .outcome = INCOMPLETE,
        .content = S("abc"), .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: the largest size is above the limit", S("FFFFFFFFFFFFFFFF\r\nabc"),
        .outcome = 413},
    {"RFC 9112 §7.1: the largest size after zeros", S("00FFFFFFFFFFFFFFFF\r\nabc"),
        .outcome = INCOMPLETE, .content = S("abc"), .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: 2^64 overflows", S("10000000000000000\r\nabc"), .outcome = 413,
        .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: 2^64+5 is not 5", S("10000000000000005\r\nhello\r\n" END), .outcome = 413,
        .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: one digit too many", S("FFFFFFFFFFFFFFFFF\r\nabc"), .outcome = 413,
        .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: the sum of the sizes overflows", S("1\r\na\r\nFFFFFFFFFFFFFFFF\r\nabc"),
        .outcome = 413, .content = S("a"), .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1: the largest sum of the sizes", S("1\r\na\r\nFFFFFFFFFFFFFFFE\r\nabc"),
        .outcome = INCOMPLETE, .content = S("aabc"), .limits = CONTENT_LIMIT(UINT64_MAX)},
    {"RFC 9112 §7.1.1: extension at the limit", EXTENDED_OK(";b=c"), .limits = OVERHEAD_LIMIT(4)},
    {"RFC 9112 §7.1.1: extension above the limit", EXTENDED(";b=c"), .outcome = 431,
        .limits = OVERHEAD_LIMIT(3)},
    {"RFC 9112 §7.1.1: white space counts, at the limit", EXTENDED_OK(" ; b = \"c\""),
        .limits = OVERHEAD_LIMIT(10)},
    {"RFC 9112 §7.1.1: white space counts, above the limit", EXTENDED(" ; b = \"c\""),
        .outcome = 431, .limits = OVERHEAD_LIMIT(9)},
    {"RFC 9112 §7.1.1: extensions of all chunks, at the limit",
        S("1;b\r\na\r\n1;c\r\nb\r\n0;d\r\n\r\n"), .content = S("ab"), .limits = OVERHEAD_LIMIT(6)},
    {"RFC 9112 §7.1.1: extensions of all chunks, above the limit",
        S("1;b\r\na\r\n1;c\r\nb\r\n0;d\r\n\r\n"), .outcome = 431, .limits = OVERHEAD_LIMIT(5)},
    {"RFC 9112 §7.1.1: an endless extension", S("1;aaaaaaaaaaaaaaaaaaaaaaaa"), .outcome = 431,
        .limits = OVERHEAD_LIMIT(10)},
    {"RFC 9112 §7.1.2: trailer section at the limit", TRAILERS_OK("A: b\r\n"),
        .limits = OVERHEAD_LIMIT(6)},
    {"RFC 9112 §7.1.2: trailer section above the limit", TRAILERS("A: b\r\n"), .outcome = 431,
        .limits = OVERHEAD_LIMIT(5)},
    {"RFC 9112 §7.1.2: with extensions at the limit", S("0;b\r\nA: b\r\n\r\n"),
        .limits = OVERHEAD_LIMIT(8)},
    {"RFC 9112 §7.1.2: with extensions above the limit", S("0;b\r\nA: b\r\n\r\n"), .outcome = 431,
        .limits = OVERHEAD_LIMIT(7)},
    {"RFC 9112 §7.1.2: an endless trailer section", S("0\r\nA: bbbbbbbbbbbbbbbbbbbbbbb"),
        .outcome = 431, .limits = OVERHEAD_LIMIT(10)},
    {"RFC 9112 §7.1: chunks themselves are no overhead",
        S("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n" END), .content = S("abcde"),
        .limits = OVERHEAD_LIMIT(0)},
    {"RFC 9112 §7.1: zeros at the end of a size are no overhead",
        S("10\r\n0123456789abcdef\r\n" END), .content = S("0123456789abcdef"),
        .limits = OVERHEAD_LIMIT(0)},
    {"RFC 9112 §7.1: leading zeros are limited",
        S("00000000000000000000000000000000000000000000000000000000000000"), .outcome = 431,
        .limits = OVERHEAD_LIMIT(20)},
};

/* ---- running the rows ------------------------------------------------------------------------ */

struct decoding {
    struct body body;
    int status;        /* 0, or that of the refusal */
    size_t used;       /* bytes of the whole input consumed */
    char content[256]; /* all runs together */
    size_t size;
};

static struct decoding begin(const struct request *request, const struct body_limits *limits)
{
    struct decoding decoding = {0};

    body_init(&decoding.body, request, limits ? limits : &generous);
    return decoding;
}

/* Calls body_decode once and checks its contract. Returns the number of bytes consumed. */
static size_t step(struct decoding *decoding, struct slice piece)
{
    size_t used = UNTOUCHED;
    struct slice content = S("untouched");
    bool was_done = body_is_done(&decoding->body);

    decoding->status = body_decode(&decoding->body, piece.data, piece.size, &used, &content);
    if (decoding->status != 0) {
        unit_ok(used == UNTOUCHED && slice_equal(content, S("untouched")), "outputs were touched");
        unit_ok(decoding->body.problem != NULL, "no problem given");
        return 0;
    }
    if (!unit_ok(used <= piece.size && content.size <= used, "consumes more than there is"))
        return 0;
    unit_ok(content.size == 0 || content.data + content.size == piece.data + used,
        "the content is not the end of the consumed bytes");
    unit_ok(content.size > 0 || used == piece.size || body_is_done(&decoding->body),
        "stops for no reason");
    unit_ok(!was_done || (used == 0 && content.size == 0), "consumes bytes after the end");
    if (content.size > 0 &&
        unit_ok(decoding->size + content.size <= sizeof(decoding->content), "too much content")) {
        memcpy(decoding->content + decoding->size, content.data, content.size);
        decoding->size += content.size;
    }
    decoding->used += used;
    return used;
}

/* Decodes a piece, placed before unreadable memory, until all of it is consumed. */
static void feed(struct decoding *decoding, struct slice text)
{
    struct slice piece = unit_copy_at_end(text);

    while (decoding->status == 0 && piece.size > 0 && !body_is_done(&decoding->body)) {
        size_t used = step(decoding, piece);
        if (used == 0)
            break;
        piece = slice_after(piece, used);
    }
    if (decoding->status == 0) /* no bytes, and bytes after the end, change nothing */
        step(decoding, (struct slice){piece.data, body_is_done(&decoding->body) ? piece.size : 0});
}

static void check(const struct decoding *decoding, const struct row *row)
{
    bool done = body_is_done(&decoding->body);

    unit_same_int("status", decoding->status, row->outcome == INCOMPLETE ? 0 : row->outcome);
    if (decoding->status == 0)
        unit_ok(done == (row->outcome == DONE), done ? "is done" : "is not done");
    if (row->outcome < 400) {
        unit_same_number("bytes used", decoding->used, row->input.size);
        unit_ok(!decoding->body.problem, "problem: %s", decoding->body.problem);
    }
    /* With 431, the content decoded before the limit is reached varies. */
    struct slice expected = row->content.data ? row->content : S("");
    if (row->outcome != 431)
        unit_same_slice("content", (struct slice){decoding->content, decoding->size}, expected);
}

static void run_growing(const struct row *row, const struct request *request)
{
    struct decoding decoding = begin(request, row->limits);

    unit_context("byte by byte");
    for (size_t i = 0; i < row->input.size && decoding.status == 0; i++)
        feed(&decoding, (struct slice){row->input.data + i, 1});
    check(&decoding, row);
}

static void run_split(const struct row *row, const struct request *request, size_t at)
{
    struct decoding decoding = begin(request, row->limits);

    unit_context("cut at %zu", at);
    feed(&decoding, (struct slice){row->input.data, at});
    if (decoding.status == 0)
        feed(&decoding, slice_after(row->input, at));
    check(&decoding, row);
}

static void run_pipelined(const struct row *row, const struct request *request)
{
    static const struct slice next = {"GET / HTTP/1.1\r\n", 16};
    struct decoding decoding = begin(request, row->limits);
    char text[512];

    unit_context("with a request after it");
    memcpy(text, row->input.data, row->input.size);
    memcpy(text + row->input.size, next.data, next.size);
    feed(&decoding, (struct slice){text, row->input.size + next.size});
    check(&decoding, row);
}

static void run_row(const struct row *row, const struct request *request)
{
    struct decoding decoding = begin(request, row->limits);

    unit_case("%s", row->name);
    unit_context("whole");
    feed(&decoding, row->input);
    check(&decoding, row);
    run_growing(row, request);
    for (size_t at = 0; at <= row->input.size; at++)
        run_split(row, request, at);
    if (row->outcome == DONE)
        run_pipelined(row, request);
}

static void run_rows(const struct row *rows, size_t count)
{
    static const struct request chunked = {.chunked = true};

    for (size_t i = 0; i < count; i++)
        run_row(&rows[i], &chunked);
}

/* ---- RFC 9112 §6.2: Content-Length ----------------------------------------------------------- */

static const struct {
    uint64_t length;
    struct row row;
} length_rows[] = {
    {0, {"RFC 9112 §6.2: a length of zero", S(""), .outcome = DONE}},
    {1, {"RFC 9112 §6.2: a length of one", S("a"), .content = S("a")}},
    {5, {"RFC 9112 §6.2: a length", S("hello"), .content = S("hello")}},
    {7,
        {"RFC 9112 §6.2: content that looks like chunks", S("0\r\n\r\n\r\n"),
            .content = S("0\r\n\r\n\r\n")}},
    {4, {"RFC 9112 §6.2: any byte", S("\0\xff\r\n"), .content = S("\0\xff\r\n")}},
    {5,
        {"RFC 9112 §6.2: at the limit", S("hello"), .content = S("hello"),
            .limits = CONTENT_LIMIT(5)}},
    {5,
        {"RFC 9112 §6.2: no overhead", S("hello"), .content = S("hello"),
            .limits = LIMITS(.content = 5, .overhead = 0)}},
    {1, {"incomplete: nothing of one", S(""), .outcome = INCOMPLETE}},
    {5, {"incomplete: the last byte", S("hell"), .outcome = INCOMPLETE, .content = S("hell")}},
    {UINT64_MAX,
        {"incomplete: the largest length", S("hello"), .outcome = INCOMPLETE, .content = S("hello"),
            .limits = CONTENT_LIMIT(UINT64_MAX)}},
};

static void test_length(void)
{
    for (size_t i = 0; i < LENGTH(length_rows); i++)
        run_row(&length_rows[i].row,
            &(struct request){.has_content_length = true, .content_length = length_rows[i].length});

    const struct row nothing = {
        "RFC 9112 §6.3: neither length nor chunked", S(""), .outcome = DONE};
    run_row(&nothing, &(struct request){0});
}

/* ---- what does not fit into a row ------------------------------------------------------------ */

/* A run of content is returned in place, and is as large as the available bytes allow. */
static void test_borrowing(void)
{
    struct decoding decoding = begin(&(struct request){.chunked = true}, NULL);
    struct slice input = unit_copy_at_end(S("5\r\nhello\r\n3\r\nabc\r\n" END)), content;
    size_t used;

    unit_case("content is borrowed, one run at a time");
    unit_same_int(
        "status", body_decode(&decoding.body, input.data, input.size, &used, &content), 0);
    unit_same_number("used", used, 8);
    unit_ok(content.data == input.data + 3 && content.size == 5, "first run");
    input = slice_after(input, used);
    unit_same_int(
        "status", body_decode(&decoding.body, input.data, input.size, &used, &content), 0);
    unit_same_number("used", used, 8);
    unit_ok(content.data == input.data + 5 && content.size == 3, "second run");
    input = slice_after(input, used);
    unit_same_int(
        "status", body_decode(&decoding.body, input.data, input.size, &used, &content), 0);
    unit_same_number("used", used, 7);
    unit_ok(content.size == 0 && body_is_done(&decoding.body), "the end");
}

static bool is_tchar(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_text(int c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7F);
}

static bool is_name_end(int c)
{
    return is_tchar(c) || c == ';' || c == '=';
}

static bool is_value_end(int c)
{
    return is_tchar(c) || c == ';';
}

/* A quote ends the string; the letter after it is then invalid. */
static bool is_quoted(int c)
{
    return is_text(c) && c != '"';
}

static bool is_trailer_name(int c)
{
    return is_tchar(c) || c == ':';
}

static bool is_hex(int c)
{
    return c != 0 && strchr("0123456789abcdefABCDEF", c);
}

/* Each byte between two texts: only the expected ones are accepted. */
static void test_bytes(void)
{
    static const struct {
        const char *name;
        struct slice before, after;
        bool (*accepts)(int byte);
    } rows[] = {
        {"RFC 9112 §7.1: first digit", S(""), S("0\r\n"), is_hex},
        {"RFC 9112 §7.1.1: name", S("0;b"), S("c\r\n\r\n"), is_name_end},
        {"RFC 9112 §7.1.1: value", S("0;b=c"), S("d\r\n\r\n"), is_value_end},
        {"RFC 9112 §7.1.1: quoted value", S("0;b=\"c"), S("d\"\r\n\r\n"), is_quoted},
        {"RFC 9112 §7.1.1: quoted pair", S("0;b=\"\\"), S("d\"\r\n\r\n"), is_text},
        {"RFC 9112 §7.1.2: trailer name", S("0\r\nA"), S("B: c\r\n\r\n"), is_trailer_name},
        {"RFC 9112 §7.1.2: trailer value", S("0\r\nA: b"), S("c\r\n\r\n"), is_text},
    };

    for (size_t i = 0; i < LENGTH(rows); i++) {
        unit_case("%s, each byte", rows[i].name);
        for (int c = 0; c < 256; c++) {
            struct decoding decoding = begin(&(struct request){.chunked = true}, NULL);
            char byte = (char)c;
            unit_context("byte 0x%02x", (unsigned)c);
            feed(&decoding, rows[i].before);
            feed(&decoding, (struct slice){&byte, 1});
            if (decoding.status == 0)
                feed(&decoding, rows[i].after);
            unit_same_int("status", decoding.status, rows[i].accepts(c) ? 0 : 400);
        }
    }
}

int main(void)
{
    test_length();
    run_rows(chunk_rows, LENGTH(chunk_rows));
    run_rows(extension_rows, LENGTH(extension_rows));
    run_rows(trailer_rows, LENGTH(trailer_rows));
    run_rows(limit_rows, LENGTH(limit_rows));
    test_borrowing();
    test_bytes();
    return unit_done();
}
