#include "options/parse.h"

#include "base/problem.h"
#include "options/table.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

/* The values that getopt_long(3) returns for long options: above all characters, so that no short
 * option has the same. */
enum { FIRST_VALUE = 256 };

static void set_initial_values(struct options *options)
{
    const char *allowed; /* not needed: the defaults are valid */

    *options = (struct options){0};
    for (size_t i = 0; i < option_table_size; i++)
        if (option_table[i].name && option_table[i].initial)
            option_set(options, &option_table[i], option_table[i].initial, &allowed);
}

static void make_getopt_table(struct option table[OPTION_TABLE_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < option_table_size; i++) {
        if (!option_table[i].name)
            continue;
        table[n++] = (struct option){
            .name = option_table[i].name,
            .has_arg = option_table[i].argument ? required_argument : no_argument,
            .val = FIRST_VALUE + (int)i,
        };
    }
    table[n] = (struct option){0};
}

static int refuse_option(int result, char **argv, struct problem *ret_problem)
{
    if (result == ':')
        return problem_set(ret_problem, -EINVAL, "option '%s' needs an argument", argv[optind - 1]);
    if (optopt >= FIRST_VALUE)
        return problem_set(ret_problem, -EINVAL, "option '--%s' takes no argument",
            option_table[optopt - FIRST_VALUE].name);
    if (optopt != 0)
        return problem_set(ret_problem, -EINVAL, "unknown option '-%c' (see --help)", optopt);
    return problem_set(
        ret_problem, -EINVAL, "unknown or ambiguous option '%s' (see --help)", argv[optind - 1]);
}

/* Options that are each valid may contradict each other. */
static int check_together(const struct options *options, struct problem *ret_problem)
{
    const struct trust *trust = &options->trust;

    if (options->reload && options->import == IMPORT_WORKER)
        return problem_set(ret_problem, -EINVAL, "option --reload: requires --import=server");
    if (trust->fields != 0 && trust->n_proxies == 0)
        return problem_set(
            ret_problem, -EINVAL, "option --trusted-field: requires --trusted-proxy");
    if (options->proxy_protocol && trust->n_proxies == 0)
        return problem_set(
            ret_problem, -EINVAL, "option --proxy-protocol: requires --trusted-proxy");
    if ((trust->fields & FORWARDED) && trust->fields != FORWARDED)
        return problem_set(ret_problem, -EINVAL,
            "option --trusted-field: cannot combine Forwarded with X-Forwarded-...: choose what "
            "the proxy sets");
    return 0;
}

static int set_application(
    int argc, char **argv, struct options *options, struct problem *ret_problem)
{
    if (optind == argc)
        return problem_set(
            ret_problem, -EINVAL, "no application given: module:callable or a file (see --help)");
    if (optind + 1 < argc)
        return problem_set(ret_problem, -EINVAL,
            "unexpected argument '%s' after the application '%s': put options before it",
            argv[optind + 1], argv[optind]);
    options->application = argv[optind];
    return 0;
}

static int parse_options(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, struct problem *ret_problem)
{
    struct option table[OPTION_TABLE_MAX + 1];
    int result;

    make_getopt_table(table);
    optind = 0; /* makes getopt_long(3) start again */
    opterr = 0;
    while ((result = getopt_long(argc, argv, "+:", table, NULL)) != -1) {
        if (result < FIRST_VALUE)
            return refuse_option(result, argv, ret_problem);
        const struct option_spec *spec = &option_table[result - FIRST_VALUE];
        if (spec->kind == OPTION_ACTION) {
            *ret_action = (enum options_action)spec->offset;
            if (*ret_action != OPTIONS_CHECK)
                return 0;
            continue;
        }
        const char *allowed;
        int r = option_set(ret_options, spec, optarg, &allowed);
        if (r == -EINVAL)
            return problem_set(
                ret_problem, r, "option --%s: '%s' is not %s", spec->name, optarg, allowed);
        if (r < 0)
            return problem_set(ret_problem, r, "option --%s: out of memory", spec->name);
    }
    int r = check_together(ret_options, ret_problem);
    return r == 0 ? set_application(argc, argv, ret_options, ret_problem) : r;
}

int options_parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, struct problem *ret_problem)
{
    *ret_action = OPTIONS_SERVE;
    set_initial_values(ret_options);
    int r = parse_options(argc, argv, ret_options, ret_action, ret_problem);
    if (r < 0) {
        options_done(ret_options);
        set_initial_values(ret_options);
    }
    return r;
}

int options_find_users(struct options *options, struct problem *ret_problem)
{
    struct trust *trust = &options->trust;

    for (size_t i = 0; i < trust->n_proxies; i++) {
        struct peer_pattern *pattern = &trust->proxies[i];
        int r = pattern->user ? peer_find_user(pattern) : 0;
        if (r == -ENOENT)
            return problem_set(ret_problem, -EINVAL,
                "option --trusted-proxy: 'unix:%s': no such user", pattern->user);
        if (r < 0)
            return problem_set(ret_problem, -EINVAL,
                "option --trusted-proxy: 'unix:%s': cannot look up the user: %s", pattern->user,
                strerror(-r));
        if (pattern->has_uid && !peer_is_user_distinct(pattern->uid))
            return problem_set(ret_problem, -EINVAL,
                "option --trusted-proxy: 'unix:%u': cannot distinguish this user from others in a "
                "user namespace (PrivateUsers=)",
                pattern->uid);
    }
    return 0;
}
