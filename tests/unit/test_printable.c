/* Text made safe to print: src/base/printable.h. */

#include "base/printable.h"
#include "unit.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    const char *input;
    const char *line, *ascii, *word; /* with each rule */
} texts[] = {
    {"nothing", "", "", "", ""},
    {"visible ASCII", "!~a\"\\", "!~a\"\\", "!~a\"\\", "!~a\"\\"},
    {"a space", "a b", "a b", "a b", "a?b"},
    {"a single quote", "a'b", "a'b", "a'b", "a?b"},
    {"control characters", "a\n\r\t\x1b\x01\x1f\x7f", "a???????", "a???????", "a???????"},
    {"UTF-8", "\xc3\xa9", "\xc3\xa9", "??", "??"},
    {"bytes that are not UTF-8", "\x80\xff", "\x80\xff", "??", "??"},
};

static void test_rule(const char *input, enum printable rule, const char *expected)
{
    char text[32];

    strcpy(text, input);
    printable_replace(text, rule, '?');
    unit_same_slice("text", slice_of(text), slice_of(expected));
}

int main(void)
{
    for (size_t i = 0; i < LENGTH(texts); i++) {
        unit_case("%s", texts[i].name);
        test_rule(texts[i].input, PRINTABLE_LINE, texts[i].line);
        test_rule(texts[i].input, PRINTABLE_ASCII, texts[i].ascii);
        test_rule(texts[i].input, PRINTABLE_WORD, texts[i].word);
    }
    return unit_done();
}
