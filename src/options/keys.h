#pragma once

/* The options as keys in the section [App] of an app's file: an option's name in CamelCase, so that
 * IdleTimeout=90 means --idle-timeout=90. See wsgi-once.conf(5). */

#include <stdbool.h>
#include <stddef.h>

struct option_spec;

struct options_key {
    const struct option_spec *spec; /* static */
    const char *option;             /* "idle-timeout" */
    bool is_flag;                   /* the key takes a boolean, the option no argument */
    bool is_list;                   /* may be given several times */
};

enum { OPTIONS_KEY_SIZE = 32 }; /* enough for the longest key */

/* Finds the option of a key. Returns whether there is one. */
bool options_find_key(const char *key, struct options_key *ret_key);

/* Iterates over the keys of all options in the order of --help: start with *cursor 0. Returns false
 * at the end. */
bool options_next_key(size_t *cursor, char key[OPTIONS_KEY_SIZE]);

/* Checks a value of a key. Returns 0; -EINVAL with what is allowed instead in *ret_allowed
 * (static), to follow "is not"; or -ENOMEM. */
int options_check_value(const struct options_key *key, const char *value, const char **ret_allowed);
