#pragma once

/* The command line. One table in options.c drives parsing, --help, the keys of an app's file and
 * shell completion. */

#include "base/deadline.h"
#include "proxy/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct problem;

/* Where the app is imported. */
enum options_import {
    IMPORT_SERVER, /* once; workers are forked from there */
    IMPORT_WORKER, /* in each worker */
};

/* Where a record of each request goes. */
enum options_access_log {
    ACCESS_LOG_JOURNAL, /* to the journal where there is one, else as text to standard error */
    ACCESS_LOG_STDERR,
    ACCESS_LOG_NONE,
};

/* Microseconds; 0: no deadline. wsgi-once(8) states what each bounds. */
struct timeouts {
    usec_t head;
    usec_t read;
    usec_t write;
    usec_t request;
    usec_t linger;
    usec_t import;
    usec_t idle;
    usec_t stop;
    usec_t leftover;
};

/* Limits of a worker; 0: no limit. */
struct resource_limits {
    usec_t cpu;      /* microseconds of processor time */
    uint64_t memory; /* bytes */
    uint64_t files;
    uint64_t processes;
};

struct options {
    const char *application; /* module:callable, module:factory() or a file */
    const char *directory;
    const char **python_path; /* `python_paths` directories, in the order given */
    size_t python_paths;
    const char *venv;
    const char *mount; /* "" or "/prefix", without a slash at the end */

    /* bytes; max_fields is a number */
    uint64_t max_request_line;
    uint64_t max_field_section;
    uint64_t max_fields;
    uint64_t max_content;

    struct timeouts timeouts;

    /* the fork server */
    bool single; /* none: serve one connection */
    uint64_t spare;
    uint64_t max_workers;
    enum options_import import;
    const char *warm_up; /* "/path" or "http://host/path", or NULL */
    bool reload;

    enum options_access_log access_log;
    struct trust trust;  /* its patterns are on the heap */
    bool proxy_protocol; /* connections of trusted proxies begin with its header */

    struct resource_limits limits;
};

enum options_action {
    OPTIONS_SERVE,
    OPTIONS_CHECK, /* takes the same options and application */
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

/* Parses the command line. The strings borrow from argv. To be followed by options_done. Returns 0,
 * or -EINVAL with *ret_problem: one line for the admin that names the option, what is
 * wrong and what is allowed; *ret_options has the defaults then, and no application. *ret_action is
 * set also then, to what was asked for before the problem. */
int options_parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, struct problem *ret_problem);

/* Finds the users that --trusted-proxy gives by name; this is not for who only wants to know
 * whether options are well-formed, because it may ask a directory service. Returns 0 or -EINVAL
 * like options_parse. */
int options_find_users(struct options *options, struct problem *ret_problem);

/* An option as a key of the section [App] of an app's file: its name in CamelCase, so that
 * IdleTimeout=90 says what --idle-timeout=90 does. */
struct options_key {
    const char *option; /* "idle-timeout" */
    bool is_flag;       /* the key takes a boolean, the option no argument */
    bool is_list;       /* may be given several times */
};

enum { OPTIONS_KEY_SIZE = 32 }; /* enough for the longest key */

/* Finds the option of a key. Returns whether there is one. */
bool options_find_key(const char *key, struct options_key *ret_key);

/* The key of each option, in the order of --help: begin with *cursor 0, ends with false. */
bool options_next_key(size_t *cursor, char key[OPTIONS_KEY_SIZE]);

/* Whether the value is one that the key takes. Returns NULL, or what is allowed (static). */
const char *options_check_value(const struct options_key *key, const char *value);

/* What an option takes, as far as a shell can offer it. */
enum options_values {
    OPTIONS_VALUES_NONE, /* it takes no argument */
    OPTIONS_VALUES_FREE, /* numbers, sizes, times, ...: nothing to offer */
    OPTIONS_VALUES_DIRECTORIES,
    OPTIONS_VALUES_WORDS,
};

struct options_entry {
    const char *name;     /* "idle-timeout" */
    const char *argument; /* "TIME"; NULL when it takes none */
    const char *help;     /* one line */
    enum options_values values;
    const char *const *words; /* of OPTIONS_VALUES_WORDS, up to a NULL */
    bool is_list;             /* may be given several times */
    bool stands_alone;        /* nothing else is looked at: --help, --version */
};

/* Each option, in the order of --help: begin with *cursor 0, ends with false. All static. */
bool options_next(size_t *cursor, struct options_entry *ret_entry);

/* Prints --help to standard output, which is not flushed. */
void options_print_help(void);

/* Frees what options_parse allocated; knows options that were zeroed. */
void options_done(struct options *options);
