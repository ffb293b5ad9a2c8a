#pragma once

/* The options for people and for shells: --help, and what completion scripts are made from. */

#include <stdbool.h>
#include <stddef.h>

/* Prints --help to standard output, without flushing it. */
void options_print_help(void);

/* What a shell can offer as the argument of an option. */
enum options_values {
    OPTIONS_VALUES_NONE, /* the option takes no argument */
    OPTIONS_VALUES_FREE, /* numbers, sizes, times and the like: nothing to offer */
    OPTIONS_VALUES_DIRECTORIES,
    OPTIONS_VALUES_WORDS,
};

struct options_entry {
    const char *name;     /* "idle-timeout" */
    const char *argument; /* "TIME"; NULL if the option takes none */
    const char *help;     /* one line */
    enum options_values values;
    const char *const *words; /* for OPTIONS_VALUES_WORDS, up to a NULL */
    bool is_list;             /* may be given several times */
    bool stands_alone;        /* the rest of the command line is ignored: --help, --version */
};

/* Iterates over all options in the order of --help: start with *cursor 0. Returns false at the end.
 * All strings are static. */
bool options_next(size_t *cursor, struct options_entry *ret_entry);
