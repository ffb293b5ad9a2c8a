#include "options/options.h"

#include "base/problem.h"
#include "options/value.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    DIRECTORY,
    DIRECTORIES, /* may be given several times */
    MOUNT,       /* "/" or "/prefix" */
    SIZE,        /* bytes, with an optional suffix K, M or G */
    HEAD_SIZE,   /* the same, for what is held in memory as a whole */
    NUMBER,
    COUNT,    /* from 1 to 1000 */
    DURATION, /* whole numbers with units, see value_parse_duration */
    IMPORT,   /* one of import_words */
    WARM_UP,  /* "/path" or "http://host/path" */
    ACCESS,   /* one of access_log_words */
    PEERS,    /* of peer_parse; may be given several times */
    FIELDS,   /* of forwarded_field_names; may be given several times */
    FLAG,     /* no argument */
    ACTION,   /* no argument, see enum options_action */
};

struct spec {
    const char *name; /* NULL begins a group of --help, whose title is the help text */
    enum kind kind;
    const char *argument;
    size_t offset; /* in struct options; of an ACTION: its value */
    const char *initial;
    const char *help; /* 51 columns with the default, so that --help fits 80 */
};

static const struct spec specs[] = {
    {NULL, 0, NULL, 0, NULL, "Application"},
    {"directory", DIRECTORY, "DIR", offsetof(struct options, directory), NULL,
        "change to this directory first"},
    {"python-path", DIRECTORIES, "DIR", offsetof(struct options, python_path), NULL,
        "prepend this to sys.path (repeatable)"},
    {"venv", DIRECTORY, "DIR", offsetof(struct options, venv), NULL,
        "use the packages of this virtual environment"},
    {"mount", MOUNT, "PATH", offsetof(struct options, mount), "/",
        "serve below this path (SCRIPT_NAME)"},

    {NULL, 0, NULL, 0, NULL, "Request limits (K, M, G: powers of 1024)"},
    {"max-request-line", HEAD_SIZE, "SIZE", offsetof(struct options, max_request_line), "8K",
        "maximum length of the request line (414)"},
    {"max-field-section", HEAD_SIZE, "SIZE", offsetof(struct options, max_field_section), "32K",
        "maximum size of headers or trailers (431)"},
    {"max-fields", NUMBER, "N", offsetof(struct options, max_fields), "100",
        "maximum number of header lines (431)"},
    {"max-content", SIZE, "SIZE", offsetof(struct options, max_content), "128M",
        "maximum size of the content (413)"},

    {NULL, 0, NULL, 0, NULL, "Timeouts (30, 500ms, 5min, ...; 0: none)"},
    {"head-timeout", DURATION, "TIME", offsetof(struct options, head_timeout), "10s",
        "to receive the whole request head (408)"},
    {"read-timeout", DURATION, "TIME", offsetof(struct options, read_timeout), "30s",
        "to receive more of the content (408)"},
    {"write-timeout", DURATION, "TIME", offsetof(struct options, write_timeout), "30s",
        "to send more of the answer"},
    {"request-timeout", DURATION, "TIME", offsetof(struct options, request_timeout), "5min",
        "for the whole request and its process (504)"},
    {"linger-timeout", DURATION, "TIME", offsetof(struct options, linger_timeout), "10s",
        "to drain input after the answer"},

    {NULL, 0, NULL, 0, NULL, "Server (with a listening socket)"},
    {"single", FLAG, NULL, offsetof(struct options, single), NULL,
        "no server: serve one connection and exit"},
    {"spare", COUNT, "N", offsetof(struct options, spare), "2",
        "spare workers that wait for connections"},
    {"max-workers", COUNT, "N", offsetof(struct options, max_workers), "16",
        "workers at a time; further connections wait"},
    {"import", IMPORT, "WHERE", offsetof(struct options, import), "server",
        "server: once; worker: in each worker"},
    {"import-timeout", DURATION, "TIME", offsetof(struct options, import_timeout), "5min",
        "to import the application"},
    {"warm-up", WARM_UP, "TARGET", offsetof(struct options, warm_up), NULL,
        "request this before forking: /path, http://host/..."},
    {"idle-timeout", DURATION, "TIME", offsetof(struct options, idle_timeout), "60s",
        "exit when idle for this long; 0: never"},
    {"stop-timeout", DURATION, "TIME", offsetof(struct options, stop_timeout), "30s",
        "for running requests to finish after SIGTERM"},
    {"leftover-timeout", DURATION, "TIME", offsetof(struct options, leftover_timeout), "5s",
        "for processes left by a request to exit"},
    {"reload", FLAG, NULL, offsetof(struct options, reload), NULL,
        "reload when a source file of the app changes"},

    {NULL, 0, NULL, 0, NULL, "Behind a front server (PEER, FIELD: repeatable)"},
    {"trusted-proxy", PEERS, "PEER", offsetof(struct options, trust), NULL,
        "trust this proxy: unix, unix:USER, IP[/bits]"},
    {"trusted-field", FIELDS, "FIELD", offsetof(struct options, trust), NULL,
        "trust this field: Forwarded, X-Forwarded-For, ..."},
    {"proxy-protocol", FLAG, NULL, offsetof(struct options, proxy_protocol), NULL,
        "expect a PROXY protocol header from trusted proxies"},

    {NULL, 0, NULL, 0, NULL, "Logging"},
    {"access-log", ACCESS, "WHERE", offsetof(struct options, access_log), "journal",
        "log requests to journal, stderr or none"},

    {NULL, 0, NULL, 0, NULL, "Worker resources (setrlimit(2); 0: no limit)"},
    {"limit-cpu", DURATION, "TIME", offsetof(struct options, limit_cpu), "0",
        "CPU time, in whole seconds"},
    {"limit-memory", SIZE, "SIZE", offsetof(struct options, limit_memory), "0",
        "private memory (RLIMIT_DATA)"},
    {"limit-files", NUMBER, "N", offsetof(struct options, limit_files), "0", "open descriptors"},
    {"limit-processes", NUMBER, "N", offsetof(struct options, limit_processes), "0",
        "processes and threads of the user"},

    {NULL, 0, NULL, 0, NULL, "Information"},
    {"check", ACTION, NULL, OPTIONS_CHECK, NULL, "load the application, describe it and exit"},
    {"help", ACTION, NULL, OPTIONS_HELP, NULL, "print this help and exit"},
    {"version", ACTION, NULL, OPTIONS_VERSION, NULL,
        "print version and build information and exit"},
};

enum { N_SPECS = sizeof(specs) / sizeof(specs[0]) };

/* ---- values --------------------------------------------------------------------------------- */

static const char *const import_words[] = {
    [IMPORT_SERVER] = "server",
    [IMPORT_WORKER] = "worker",
    NULL,
};

static const char *const access_log_words[] = {
    [ACCESS_LOG_JOURNAL] = "journal",
    [ACCESS_LOG_STDERR] = "stderr",
    [ACCESS_LOG_NONE] = "none",
    NULL,
};

static const char *const peer_words[] = {"unix", NULL};

/* The place of a word in its list, or -1. */
static int find_word(const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static const char *parse_import(const char *text, enum options_import *ret)
{
    int place = find_word(text, import_words);

    if (place < 0)
        return "server or worker";
    *ret = (enum options_import)place;
    return NULL;
}

static const char *parse_access_log(const char *text, enum options_access_log *ret)
{
    int place = find_word(text, access_log_words);

    if (place < 0)
        return "journal, stderr or none";
    *ret = (enum options_access_log)place;
    return NULL;
}

static void *field_of(struct options *options, const struct spec *spec)
{
    return (char *)options + spec->offset;
}

/* What a setter returns if there is no memory: not a description of allowed values. */
static const char out_of_memory[] = "out of memory";

static const char *add_string(struct options *options, const char *text)
{
    size_t size = (options->python_paths + 1) * sizeof(*options->python_path);
    const char **paths = realloc(options->python_path, size);

    if (!paths)
        return out_of_memory;
    paths[options->python_paths++] = text;
    options->python_path = paths;
    return NULL;
}

static const char *add_peer(struct options *options, const char *text)
{
    struct trust *trust = &options->trust;
    struct peer_pattern pattern, *patterns;
    size_t size = (trust->n_proxies + 1) * sizeof(*patterns);

    if (!peer_parse(text, &pattern))
        return "unix, unix:USER, or an IP address such as 192.0.2.1, 192.0.2.0/24 or "
               "2001:db8::/32";
    patterns = realloc(trust->proxies, size);
    if (!patterns)
        return out_of_memory;
    patterns[trust->n_proxies++] = pattern;
    trust->proxies = patterns;
    return NULL;
}

static const char *add_field(struct options *options, const char *text)
{
    unsigned field = forwarded_field_named(slice_of(text));

    options->trust.fields |= field;
    return field != 0
        ? NULL
        : "Forwarded, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port or "
          "X-Forwarded-Prefix";
}

static const char *set(struct options *options, const struct spec *spec, const char *text)
{
    void *field = field_of(options, spec);

    switch (spec->kind) {
    case DIRECTORIES: return add_string(options, text);
    case MOUNT: return value_parse_mount(text, field);
    case SIZE: return value_parse_size(text, field);
    case HEAD_SIZE: return value_parse_head_size(text, field);
    case NUMBER: return value_parse_number(text, field);
    case COUNT: return value_parse_count(text, field);
    case IMPORT: return parse_import(text, field);
    case WARM_UP: return value_parse_warm_up(text, field);
    case ACCESS: return parse_access_log(text, field);
    case PEERS: return add_peer(options, text);
    case FIELDS: return add_field(options, text);
    case FLAG: *(bool *)field = true; return NULL;
    case DURATION: return value_parse_duration(text, field);
    default: *(const char **)field = text; return NULL;
    }
}

static bool is_list(enum kind kind)
{
    return kind == DIRECTORIES || kind == PEERS || kind == FIELDS;
}

/* ---- the command line ----------------------------------------------------------------------- */

static void set_initial_values(struct options *options)
{
    *options = (struct options){0};
    for (size_t i = 0; i < N_SPECS; i++)
        if (specs[i].name && specs[i].initial)
            set(options, &specs[i], specs[i].initial);
}

/* getopt_long's values of the options: above all characters, so that they differ from short ones.
 */
enum { FIRST_VALUE = 256 };

static void make_getopt_table(struct option table[N_SPECS + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < N_SPECS; i++) {
        if (!specs[i].name)
            continue;
        table[n++] = (struct option){
            .name = specs[i].name,
            .has_arg = specs[i].argument ? required_argument : no_argument,
            .val = FIRST_VALUE + (int)i,
        };
    }
    table[n] = (struct option){0};
}

static int refuse_option(int result, char **argv, char **ret_problem)
{
    if (result == ':')
        return problem_set(ret_problem, -EINVAL, "option '%s' needs an argument", argv[optind - 1]);
    if (optopt >= FIRST_VALUE)
        return problem_set(ret_problem, -EINVAL, "option '--%s' takes no argument",
            specs[optopt - FIRST_VALUE].name);
    if (optopt != 0)
        return problem_set(ret_problem, -EINVAL, "unknown option '-%c' (see --help)", optopt);
    return problem_set(
        ret_problem, -EINVAL, "unknown or ambiguous option '%s' (see --help)", argv[optind - 1]);
}

/* What options say one by one may not make sense together. */
static int check_together(const struct options *options, char **ret_problem)
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

static int take_application(int argc, char **argv, struct options *options, char **ret_problem)
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

static int parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, char **ret_problem)
{
    struct option table[N_SPECS + 1];
    int result;

    make_getopt_table(table);
    optind = 0; /* getopt_long(3) begins anew */
    opterr = 0;
    while ((result = getopt_long(argc, argv, "+:", table, NULL)) != -1) {
        if (result < FIRST_VALUE)
            return refuse_option(result, argv, ret_problem);
        const struct spec *spec = &specs[result - FIRST_VALUE];
        if (spec->kind == ACTION) {
            *ret_action = (enum options_action)spec->offset;
            if (*ret_action != OPTIONS_CHECK)
                return 0;
            continue;
        }
        const char *allowed = set(ret_options, spec, optarg);
        if (allowed == out_of_memory)
            return problem_set(ret_problem, -EINVAL, "option --%s: %s", spec->name, allowed);
        if (allowed)
            return problem_set(
                ret_problem, -EINVAL, "option --%s: '%s' is not %s", spec->name, optarg, allowed);
    }
    int r = check_together(ret_options, ret_problem);
    return r == 0 ? take_application(argc, argv, ret_options, ret_problem) : r;
}

int options_parse(int argc, char **argv, struct options *ret_options,
    enum options_action *ret_action, char **ret_problem)
{
    *ret_action = OPTIONS_SERVE;
    set_initial_values(ret_options);
    int r = parse(argc, argv, ret_options, ret_action, ret_problem);
    if (r < 0) {
        options_done(ret_options);
        set_initial_values(ret_options);
    }
    return r;
}

int options_find_users(struct options *options, char **ret_problem)
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

/* ---- keys of an app's file ------------------------------------------------------------------ */

static bool is_key(const struct spec *spec)
{
    return spec->name && spec->kind != ACTION;
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
    while (*cursor < N_SPECS && !is_key(&specs[*cursor]))
        (*cursor)++;
    if (*cursor == N_SPECS)
        return false;
    write_key(specs[(*cursor)++].name, key);
    return true;
}

bool options_find_key(const char *key, struct options_key *ret_key)
{
    char candidate[OPTIONS_KEY_SIZE];

    for (size_t cursor = 0; options_next_key(&cursor, candidate);) {
        const struct spec *spec = &specs[cursor - 1];
        if (strcmp(candidate, key) != 0)
            continue;
        *ret_key = (struct options_key){
            .option = spec->name,
            .is_flag = spec->kind == FLAG,
            .is_list = is_list(spec->kind),
        };
        return true;
    }
    return false;
}

static const struct spec *find_spec(const char *name)
{
    const struct spec *spec = specs;

    while (!spec->name || strcmp(spec->name, name) != 0)
        spec++;
    return spec;
}

const char *options_check_value(const struct options_key *key, const char *value)
{
    struct options options = {0};

    if (key->is_flag)
        return value_parse_boolean(value) < 0 ? "yes or no" : NULL;
    const char *allowed = set(&options, find_spec(key->option), value);
    options_done(&options);
    return allowed == out_of_memory ? NULL : allowed; /* the value may be right */
}

/* ---- the table, for people and shells ------------------------------------------------------- */

static enum options_values values_of(enum kind kind, const char *const **ret_words)
{
    switch (kind) {
    case DIRECTORY:
    case DIRECTORIES: return OPTIONS_VALUES_DIRECTORIES;
    case IMPORT: *ret_words = import_words; return OPTIONS_VALUES_WORDS;
    case ACCESS: *ret_words = access_log_words; return OPTIONS_VALUES_WORDS;
    case PEERS: *ret_words = peer_words; return OPTIONS_VALUES_WORDS;
    case FIELDS: *ret_words = forwarded_field_names; return OPTIONS_VALUES_WORDS;
    case FLAG:
    case ACTION: return OPTIONS_VALUES_NONE;
    default: return OPTIONS_VALUES_FREE;
    }
}

bool options_next(size_t *cursor, struct options_entry *ret_entry)
{
    while (*cursor < N_SPECS && !specs[*cursor].name)
        (*cursor)++;
    if (*cursor == N_SPECS)
        return false;
    const struct spec *spec = &specs[(*cursor)++];
    *ret_entry = (struct options_entry){
        .name = spec->name,
        .argument = spec->argument,
        .help = spec->help,
        .is_list = is_list(spec->kind),
        .stands_alone = spec->kind == ACTION && spec->offset != OPTIONS_CHECK,
    };
    ret_entry->values = values_of(spec->kind, &ret_entry->words);
    return true;
}

void options_print_help(void)
{
    printf("Usage: wsgi-once [OPTION]... APPLICATION\n"
           "       wsgi-once --check [OPTION]... APPLICATION\n"
           "Serve a WSGI application, one process per request, on a socket of systemd or\n"
           "inetd. APPLICATION is module:callable, module:factory(), or a file:\n"
           "path/app.wsgi, path/app.py or path/app.py:callable.\n"
           "\n");
    for (size_t i = 0; i < N_SPECS; i++) {
        const struct spec *spec = &specs[i];
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

/* ---- the end -------------------------------------------------------------------------------- */

void options_done(struct options *options)
{
    free(options->python_path);
    free(options->trust.proxies);
    options->python_path = NULL;
    options->trust = (struct trust){0};
}
