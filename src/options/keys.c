#include "options/keys.h"

#include "base/cleanup.h"
#include "options/table.h"
#include "options/value.h"

#include <errno.h>
#include <string.h>

static bool is_key(const struct option_spec *spec)
{
    return spec->name && spec->kind != OPTION_ACTION && spec->kind != OPTION_OUTPUT;
}

static void write_key(const char *name, char key[OPTIONS_KEY_SIZE])
{
    size_t size = 0;

    for (bool capital = true; *name && size + 1 < OPTIONS_KEY_SIZE; name++) {
        if (*name != '-')
            key[size++] = (char)(capital ? *name - 'a' + 'A' : *name);
        capital = *name == '-';
    }
    key[size] = '\0';
}

bool options_next_key(size_t *cursor, char key[OPTIONS_KEY_SIZE])
{
    while (*cursor < option_table_size && !is_key(&option_table[*cursor]))
        (*cursor)++;
    if (*cursor == option_table_size)
        return false;
    write_key(option_table[(*cursor)++].name, key);
    return true;
}

bool options_find_key(const char *key, struct options_key *ret_key)
{
    char candidate[OPTIONS_KEY_SIZE];

    for (size_t cursor = 0; options_next_key(&cursor, candidate);) {
        const struct option_spec *spec = &option_table[cursor - 1];
        if (strcmp(candidate, key) != 0)
            continue;
        *ret_key = (struct options_key){
            .spec = spec,
            .option = spec->name,
            .is_flag = spec->kind == OPTION_FLAG,
            .is_list = option_is_list(spec),
        };
        return true;
    }
    return false;
}

int options_check_value(const struct options_key *key, const char *value, const char **ret_allowed)
{
    _cleanup_(options_done) struct options options = {0};

    if (!key->is_flag)
        return option_set(&options, key->spec, value, ret_allowed);
    if (value_parse_boolean(value) >= 0)
        return 0;
    *ret_allowed = "yes or no";
    return -EINVAL;
}
