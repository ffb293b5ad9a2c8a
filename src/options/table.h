#pragma once

/* The table of all options. Internal to this folder.
 *
 * The command line, --help, the keys of an app's file and shell completion all come from it.
 */

#include "options/options.h"

#include <stdbool.h>
#include <stddef.h>

/* What kind of value an option takes. */
enum option_kind {
    OPTION_DIRECTORY,
    OPTION_DIRECTORIES, /* repeatable */
    OPTION_MOUNT,       /* "/" or "/prefix" */
    OPTION_SIZE,        /* bytes, with an optional suffix K, M or G */
    OPTION_HEAD_SIZE,   /* the same, for what is kept in memory as a whole */
    OPTION_NUMBER,
    OPTION_COUNT,    /* from 1 to 1000 */
    OPTION_DURATION, /* see value_parse_duration */
    OPTION_IMPORT,   /* server or worker */
    OPTION_WARM_UP,  /* "/path" or "http://host/path" */
    OPTION_ACCESS,   /* journal, stderr or none */
    OPTION_PEERS,    /* see peer_parse; repeatable */
    OPTION_FIELDS,   /* of forwarded_field_names; repeatable */
    OPTION_FILE,     /* an absolute path */
    OPTION_OUTPUT,   /* the same; no key of an app's file */
    OPTION_FLAG,     /* no argument */
    OPTION_ACTION,   /* no argument; see enum options_action */
};

struct option_spec {
    const char *name; /* NULL: a group of --help begins, and `help` is its title */
    enum option_kind kind;
    const char *argument; /* NULL if the option takes none */
    size_t offset;        /* in struct options; for an action: its enum options_action */
    const char *initial;  /* the default, as on the command line, or NULL */
    const char *help;     /* up to 51 columns with the default, so that --help fits 80 */
};

enum { OPTION_TABLE_MAX = 64 };

/* In the order of --help. */
extern const struct option_spec option_table[];
extern const size_t option_table_size; /* up to OPTION_TABLE_MAX */

/* Whether the option may be given several times. */
bool option_is_list(const struct option_spec *spec);

/* The words that a shell can offer as values, up to a NULL; or NULL if there are none. Static. */
const char *const *option_words(const struct option_spec *spec);

/* Sets the option to a value; a list gets one more. text: may be NULL for a flag; *options borrows
 * it. Returns 0; -EINVAL with what is allowed instead in *ret_allowed (static), to follow "is not";
 * or -ENOMEM. */
int option_set(struct options *options, const struct option_spec *spec, const char *text,
    const char **ret_allowed);
