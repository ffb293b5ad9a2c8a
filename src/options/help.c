#include "options/help.h"

#include "options/table.h"

#include <stdio.h>

static enum options_values values_of(const struct option_spec *spec)
{
    if (!spec->argument)
        return OPTIONS_VALUES_NONE;
    if (spec->kind == OPTION_DIRECTORY || spec->kind == OPTION_DIRECTORIES)
        return OPTIONS_VALUES_DIRECTORIES;
    return option_words(spec) ? OPTIONS_VALUES_WORDS : OPTIONS_VALUES_FREE;
}

bool options_next(size_t *cursor, struct options_entry *ret_entry)
{
    while (*cursor < option_table_size && !option_table[*cursor].name)
        (*cursor)++;
    if (*cursor == option_table_size)
        return false;
    const struct option_spec *spec = &option_table[(*cursor)++];
    *ret_entry = (struct options_entry){
        .name = spec->name,
        .argument = spec->argument,
        .help = spec->help,
        .values = values_of(spec),
        .words = option_words(spec),
        .is_list = option_is_list(spec),
        .stands_alone = spec->kind == OPTION_ACTION && spec->offset != OPTIONS_CHECK,
    };
    return true;
}

void options_print_help(void)
{
    printf("Usage: wsgi-once [OPTION]... APPLICATION\n"
           "       wsgi-once --check|--freeze=FILE [OPTION]... APPLICATION\n"
           "Serve a WSGI application, one process per request, on a socket of systemd or\n"
           "inetd. APPLICATION is module:callable, module:factory(), or a file:\n"
           "path/app.wsgi, path/app.py or path/app.py:callable.\n"
           "\n");
    for (size_t i = 0; i < option_table_size; i++) {
        const struct option_spec *spec = &option_table[i];
        char left[40];
        if (!spec->name) {
            printf("%s:\n", spec->help);
            continue;
        }
        snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->argument ? "=" : "",
            spec->argument ? spec->argument : "");
        printf("  %-26s %s", left, spec->help);
        printf(spec->initial ? " [%s]\n" : "\n", spec->initial);
    }
    printf("\nSee wsgi-once(8) for details.\n");
}
