#include "options/value.h"

#include "http/syntax.h"
#include "http/target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- numbers -------------------------------------------------------------------------------- */

const char *value_parse_number(const char *text, uint64_t *ret)
{
    if (syntax_parse_decimal((struct slice){text, strlen(text)}, ret) < 0)
        return "a number";
    return NULL;
}

const char *value_parse_size(const char *text, uint64_t *ret)
{
    static const char *allowed = "a number of bytes, with an optional suffix K, M or G";
    size_t length = strlen(text);
    const char *suffixes = "KMG", *suffix = length > 0 ? strchr(suffixes, text[length - 1]) : NULL;
    unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
    uint64_t number;

    if (syntax_parse_decimal((struct slice){text, length - (suffix ? 1 : 0)}, &number) < 0)
        return allowed;
    if (number > UINT64_MAX >> shift)
        return allowed;
    *ret = number << shift;
    return NULL;
}

const char *value_parse_head_size(const char *text, uint64_t *ret)
{
    uint64_t size;

    if (value_parse_size(text, &size) || size > 16 << 20)
        return "a number of bytes up to 16M, with an optional suffix K or M";
    *ret = size;
    return NULL;
}

const char *value_parse_count(const char *text, uint64_t *ret)
{
    uint64_t count;

    if (value_parse_number(text, &count) || count < 1 || count > 1000)
        return "a number from 1 to 1000";
    *ret = count;
    return NULL;
}

/* ---- time spans ----------------------------------------------------------------------------- */

/* Returns a unit in microseconds, or 0 if it is unknown. */
static usec_t find_unit(struct slice name)
{
    static const struct {
        const char *names; /* each between two spaces */
        usec_t usec;
    } units[] = {
        {" us usec ", 1},
        {" ms msec ", USEC_PER_MSEC},
        {" s sec second seconds ", USEC_PER_SEC},
        {" m min minute minutes ", 60 * USEC_PER_SEC},
        {" h hr hour hours ", 3600 * USEC_PER_SEC},
        {" d day days ", 86400 * USEC_PER_SEC},
    };
    char between_spaces[16];

    if (name.size > sizeof(between_spaces) - 3)
        return 0;
    snprintf(between_spaces, sizeof(between_spaces), " %.*s ", (int)name.size, name.data);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strstr(units[i].names, between_spaces))
            return units[i].usec;
    return 0;
}

const char *value_parse_duration(const char *text, usec_t *ret)
{
    static const char *allowed =
        "a time span such as 30, 500ms or 1min 30s (0: none), up to 100 years";
    const usec_t most = USEC_PER_SEC * 86400 * 36525; /* sums of a few do not overflow */
    usec_t total = 0;

    do {
        size_t digits = strspn(text, "0123456789");
        struct slice number = {text, digits};
        text += digits;
        text += strspn(text, " ");
        struct slice name = {text, strcspn(text, "0123456789 ")};
        text += name.size;
        text += strspn(text, " ");

        uint64_t count;
        usec_t usec = name.size > 0 ? find_unit(name) : USEC_PER_SEC;
        if (syntax_parse_decimal(number, &count) < 0 || usec == 0 ||
            __builtin_mul_overflow(count, usec, &usec) ||
            __builtin_add_overflow(total, usec, &total))
            return allowed;
    } while (*text);
    if (total > most)
        return allowed;
    *ret = total;
    return NULL;
}

/* ---- words ---------------------------------------------------------------------------------- */

int value_parse_boolean(const char *text)
{
    static const char *words[] = {
        "no", "yes", "false", "true", "off", "on", "n", "y", "f", "t", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return (int)(i % 2);
    return -EINVAL;
}

const char *value_parse_mount(const char *text, const char **ret)
{
    size_t length = strlen(text);

    if (text[0] != '/' || (length > 1 && text[length - 1] == '/') || strstr(text, "//"))
        return "a path such as /blog, with a leading and without a trailing slash";
    *ret = length > 1 ? text : "";
    return NULL;
}

const char *value_parse_absolute(const char *text, const char **ret)
{
    if (text[0] != '/' && text[0] != '%')
        return "an absolute path, such as /var/cache/blog/image";
    *ret = text;
    return NULL;
}

const char *value_parse_warm_up(const char *text, const char **ret)
{
    struct slice host, path;
    bool is_valid = target_split_url(slice_of(text), &host, &path);

    for (const char *c = text; *c; c++)
        if (!syntax_is_visible(*c))
            is_valid = false;
    if (!is_valid)
        return "a path such as /login or a URL such as http://www.example.org/login";
    *ret = text;
    return NULL;
}
