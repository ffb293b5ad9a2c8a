#pragma once

/* The command line. One table in options.c drives parsing, --help and the checks. */

#include "deadline.h"

#include <stddef.h>
#include <stdint.h>

struct options {
    const char *application; /* module:callable, module:factory() or a file */
    const char *chdir;
    const char **python_path; /* `python_paths` directories, in the order given */
    size_t python_paths;
    const char *venv;
    const char *mount; /* "" or "/prefix", without a slash at the end */

    /* bytes; max_fields is a number */
    uint64_t max_request_line;
    uint64_t max_field_section;
    uint64_t max_fields;
    uint64_t max_content;

    /* microseconds, 0: none */
    usec_t head_timeout;
    usec_t read_timeout;
    usec_t write_timeout;
    usec_t request_timeout;
    usec_t linger_timeout;
};

enum options_action {
    OPTIONS_SERVE,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

/* Parses the command line. The strings borrow from argv. To be followed by options_done. Returns 0,
 * or -EINVAL with *ret_problem: one line for the admin, on the heap, that names the option, what is
 * wrong and what is allowed. */
int options_parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, char **ret_problem);

/* Frees what options_parse allocated; knows options that were zeroed. */
void options_done(struct options *options);

/* Prints --help to standard output. */
void options_print_help(void);
