#include "options/table.h"

#include "image/thaw.h"
#include "options/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct option_spec option_table[] = {
    {NULL, 0, NULL, 0, NULL, "Application"},
    {"directory", OPTION_DIRECTORY, "DIR", offsetof(struct options, directory), NULL,
        "change to this directory first"},
    {"python-path", OPTION_DIRECTORIES, "DIR", offsetof(struct options, python_path), NULL,
        "prepend this to sys.path (repeatable)"},
    {"venv", OPTION_DIRECTORY, "DIR", offsetof(struct options, venv), NULL,
        "use the packages of this virtual environment"},
    {"image", OPTION_FILE, "FILE", offsetof(struct options, image), NULL,
        "start from this image of the application if it fits"},
    {"image-max-age", OPTION_DURATION, "TIME", offsetof(struct options, image_max_age),
        IMAGE_MAX_AGE, "use no image that is older; 0: use it"},
    {"mount", OPTION_MOUNT, "PATH", offsetof(struct options, mount), "/",
        "serve below this path (SCRIPT_NAME)"},

    {NULL, 0, NULL, 0, NULL, "Request limits (K, M, G: powers of 1024)"},
    {"max-request-line", OPTION_HEAD_SIZE, "SIZE", offsetof(struct options, max_request_line), "8K",
        "maximum length of the request line (414)"},
    {"max-field-section", OPTION_HEAD_SIZE, "SIZE", offsetof(struct options, max_field_section),
        "32K", "maximum size of headers or trailers (431)"},
    {"max-fields", OPTION_NUMBER, "N", offsetof(struct options, max_fields), "100",
        "maximum number of header lines (431)"},
    {"max-content", OPTION_SIZE, "SIZE", offsetof(struct options, max_content), "128M",
        "maximum size of the content (413)"},

    {NULL, 0, NULL, 0, NULL, "Timeouts (30, 500ms, 5min, ...; 0: none)"},
    {"head-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.head), "10s",
        "to receive the whole request head (408)"},
    {"read-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.read), "30s",
        "to receive more of the content (408)"},
    {"write-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.write), "30s",
        "to send more of the answer"},
    {"request-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.request), "5min",
        "for the whole request and its process (504)"},
    {"linger-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.linger), "10s",
        "to drain input after the answer"},

    {NULL, 0, NULL, 0, NULL, "Server (with a listening socket)"},
    {"single", OPTION_FLAG, NULL, offsetof(struct options, single), NULL,
        "no server: serve one connection and exit"},
    {"spare", OPTION_COUNT, "N", offsetof(struct options, spare), "2",
        "spare workers that wait for connections"},
    {"max-workers", OPTION_COUNT, "N", offsetof(struct options, max_workers), "16",
        "workers at a time; further connections wait"},
    {"import", OPTION_IMPORT, "WHERE", offsetof(struct options, import), "server",
        "server: once; worker: in each worker"},
    {"import-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.import), "5min",
        "to import the application"},
    {"warm-up", OPTION_WARM_UP, "TARGET", offsetof(struct options, warm_up), NULL,
        "request this before forking: /path, http://host/..."},
    {"idle-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.idle), "60s",
        "exit when idle for this long; 0: never"},
    {"stop-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.stop), "30s",
        "for running requests to finish after SIGTERM"},
    {"leftover-timeout", OPTION_DURATION, "TIME", offsetof(struct options, timeouts.leftover), "5s",
        "for processes left by a request to exit"},
    {"reload", OPTION_FLAG, NULL, offsetof(struct options, reload), NULL,
        "reload when a source file of the app changes"},

    {NULL, 0, NULL, 0, NULL, "Behind a front server (PEER, FIELD: repeatable)"},
    {"trusted-proxy", OPTION_PEERS, "PEER", offsetof(struct options, trust), NULL,
        "trust this proxy: unix, unix:USER, IP[/bits]"},
    {"trusted-field", OPTION_FIELDS, "FIELD", offsetof(struct options, trust), NULL,
        "trust this field: Forwarded, X-Forwarded-For, ..."},
    {"proxy-protocol", OPTION_FLAG, NULL, offsetof(struct options, proxy_protocol), NULL,
        "expect a PROXY protocol header from trusted proxies"},

    {NULL, 0, NULL, 0, NULL, "Logging"},
    {"access-log", OPTION_ACCESS, "WHERE", offsetof(struct options, access_log), "journal",
        "log requests to journal, stderr or none"},

    {NULL, 0, NULL, 0, NULL, "Worker resources (setrlimit(2); 0: no limit)"},
    {"limit-cpu", OPTION_DURATION, "TIME", offsetof(struct options, limits.cpu), "0",
        "CPU time, in whole seconds"},
    {"limit-memory", OPTION_SIZE, "SIZE", offsetof(struct options, limits.memory), "0",
        "private memory (RLIMIT_DATA)"},
    {"limit-files", OPTION_NUMBER, "N", offsetof(struct options, limits.files), "0",
        "open descriptors"},
    {"limit-processes", OPTION_NUMBER, "N", offsetof(struct options, limits.processes), "0",
        "processes and threads of the user"},

    {NULL, 0, NULL, 0, NULL, "Information"},
    {"freeze", OPTION_OUTPUT, "FILE", offsetof(struct options, freeze), NULL,
        "load the application, write its image and exit"},
    {"check", OPTION_ACTION, NULL, OPTIONS_CHECK, NULL,
        "load the application, describe it and exit"},
    {"help", OPTION_ACTION, NULL, OPTIONS_HELP, NULL, "print this help and exit"},
    {"version", OPTION_ACTION, NULL, OPTIONS_VERSION, NULL,
        "print version and build information and exit"},
};
const size_t option_table_size = sizeof(option_table) / sizeof(option_table[0]);

_Static_assert(sizeof(option_table) / sizeof(option_table[0]) <= OPTION_TABLE_MAX, "too many");

/* ---- words ---------------------------------------------------------------------------------- */

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

/* The one value of --trusted-proxy that is a word. */
static const char *const peer_words[] = {"unix", NULL};

const char *const *option_words(const struct option_spec *spec)
{
    switch (spec->kind) {
    case OPTION_IMPORT: return import_words;
    case OPTION_ACCESS: return access_log_words;
    case OPTION_PEERS: return peer_words;
    case OPTION_FIELDS: return forwarded_field_names;
    default: return NULL;
    }
}

bool option_is_list(const struct option_spec *spec)
{
    return spec->kind == OPTION_DIRECTORIES || spec->kind == OPTION_PEERS ||
        spec->kind == OPTION_FIELDS;
}

/* ---- values --------------------------------------------------------------------------------- */

/* Returns the index of a word in its list, or -1. */
static int find_word(const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static const char *parse_import(const char *text, enum options_import *ret)
{
    int index = find_word(text, import_words);

    if (index < 0)
        return "server or worker";
    *ret = (enum options_import)index;
    return NULL;
}

static const char *parse_access_log(const char *text, enum options_access_log *ret)
{
    int index = find_word(text, access_log_words);

    if (index < 0)
        return "journal, stderr or none";
    *ret = (enum options_access_log)index;
    return NULL;
}

static int add_python_path(struct options *options, const char *text)
{
    size_t size = (options->python_paths + 1) * sizeof(*options->python_path);
    const char **paths = realloc(options->python_path, size);

    if (!paths)
        return -ENOMEM;
    paths[options->python_paths++] = text;
    options->python_path = paths;
    return 0;
}

static int add_trusted_proxy(struct trust *trust, const char *text, const char **ret_allowed)
{
    struct peer_pattern pattern, *patterns;
    size_t size = (trust->n_proxies + 1) * sizeof(*patterns);

    if (!peer_parse(text, &pattern)) {
        *ret_allowed = "unix, unix:USER, or an IP address such as 192.0.2.1, 192.0.2.0/24 or "
                       "2001:db8::/32";
        return -EINVAL;
    }
    patterns = realloc(trust->proxies, size);
    if (!patterns)
        return -ENOMEM;
    patterns[trust->n_proxies++] = pattern;
    trust->proxies = patterns;
    return 0;
}

static const char *add_trusted_field(const char *text, struct trust *trust)
{
    unsigned field = forwarded_field_named(slice_of(text));

    trust->fields |= field;
    return field != 0
        ? NULL
        : "Forwarded, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port or "
          "X-Forwarded-Prefix";
}

/* Sets an option whose value needs no memory. Returns NULL, or what is allowed instead. */
static const char *set_member(void *member, enum option_kind kind, const char *text)
{
    switch (kind) {
    case OPTION_MOUNT: return value_parse_mount(text, member);
    case OPTION_SIZE: return value_parse_size(text, member);
    case OPTION_HEAD_SIZE: return value_parse_head_size(text, member);
    case OPTION_NUMBER: return value_parse_number(text, member);
    case OPTION_COUNT: return value_parse_count(text, member);
    case OPTION_DURATION: return value_parse_duration(text, member);
    case OPTION_IMPORT: return parse_import(text, member);
    case OPTION_WARM_UP: return value_parse_warm_up(text, member);
    case OPTION_ACCESS: return parse_access_log(text, member);
    case OPTION_FIELDS: return add_trusted_field(text, member);
    case OPTION_FILE:
    case OPTION_OUTPUT: return value_parse_absolute(text, member);
    case OPTION_FLAG: *(bool *)member = true; return NULL;
    default: *(const char **)member = text; return NULL;
    }
}

int option_set(struct options *options, const struct option_spec *spec, const char *text,
    const char **ret_allowed)
{
    if (spec->kind == OPTION_DIRECTORIES)
        return add_python_path(options, text);
    if (spec->kind == OPTION_PEERS)
        return add_trusted_proxy(&options->trust, text, ret_allowed);
    const char *allowed = set_member((char *)options + spec->offset, spec->kind, text);
    if (allowed)
        *ret_allowed = allowed;
    return allowed ? -EINVAL : 0;
}
