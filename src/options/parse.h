#pragma once

/* The command line. */

#include "options/options.h"

struct problem;

/* Parses the command line. The strings borrow from argv. Call options_done on the result in any
 * case.
 *
 * Returns 0, or -EINVAL or -ENOMEM with *ret_problem: one line for the administrator that names the
 * option, what is wrong with it, and what is allowed. In that case *ret_options has the defaults
 * and no application, and *ret_action is the action given before the error, or OPTIONS_SERVE. */
int options_parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, struct problem *ret_problem);

/* Looks up the users that --trusted-proxy names. May block, because the system may query a
 * directory service; a caller that only checks the syntax of options does not need it. Returns 0,
 * or -EINVAL with *ret_problem like options_parse. */
int options_find_users(struct options *options, struct problem *ret_problem);
