#include "generator/app.h"

#include "base/cleanup.h"
#include "options/options.h"
#include "options/value.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A user name has at most 31 characters (it must fit into utmp(5)), and "wsgi-once-" goes first. */
enum { MAX_NAME = 31 - (sizeof("wsgi-once-") - 1) };

/* Of a text that may be long, so that there is room for what is wrong with it. */
enum { MAX_SHOWN = 200 };

/* What is understood here; the sections of units are systemd's affair. */
struct reading {
    struct app *app;
    struct report *report;
    unsigned errors_before;
};

static void error(struct reading *reading, const struct assignment *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void error(struct reading *reading, const struct assignment *at, const char *format, ...)
{
    const char *path = reading->app->file->path;
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    report_error(reading->report, path, at ? at->line : 0, "%s", text ? text : "out of memory");
    free(text);
}

/* ---- names ---------------------------------------------------------------------------------- */

const char *app_check_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t size = strlen(name);

    if (strspn(name, letters) == 0)
        return "invalid app name: it must begin with a letter or a digit";
    for (const char *c = name; *c; c++)
        if (!strchr(letters, *c) && *c != '-' && *c != '_')
            return "invalid app name: it may contain only ASCII letters, digits, '-' and '_', "
                   "because units and a user are named after it";
    if (name[size - 1] == '-')
        return "invalid app name: it must not end with '-', because its drop-ins would apply to "
               "other apps";
    if (size > MAX_NAME)
        return "invalid app name: it may have at most 21 characters, because its user is "
               "wsgi-once-NAME and user names have at most 31";
    return NULL;
}

/* ---- [App] ---------------------------------------------------------------------------------- */

/* The key that was meant, if only its capitals are wrong. */
static bool find_meant(const char *text, char key[OPTIONS_KEY_SIZE])
{
    for (size_t cursor = 0; options_next_key(&cursor, key);)
        if (strcasecmp(key, text) == 0)
            return true;
    return false;
}

/* "Application, Directory, ...", on the heap. */
static char *list_keys(void)
{
    char key[OPTIONS_KEY_SIZE], *text = NULL;
    size_t size;
    FILE *words = open_memstream(&text, &size);

    if (!words)
        return NULL;
    fprintf(words, "Application");
    for (size_t cursor = 0; options_next_key(&cursor, key);)
        fprintf(words, ", %s", key);
    fclose(words);
    return text;
}

static void refuse_key(struct reading *reading, const struct assignment *at)
{
    char key[OPTIONS_KEY_SIZE];
    _cleanup_(freep) char *keys = list_keys();

    if (find_meant(at->key, key))
        error(reading, at, "unknown key '%s' in [App]; did you mean %s?", at->key, key);
    else
        error(reading, at, "unknown key '%.*s' in [App]; known keys: %s", MAX_SHOWN, at->key,
            keys ? keys : "see wsgi-once.conf(5)");
}

/* What systemd will make of a value: "%%" is a percent sign. Another specifier stays as it is; to
 * what it will expand is not known here. Returns it on the heap, or NULL with an error reported. */
static char *expand_percent(struct reading *reading, const struct assignment *at)
{
    char *plain = strdup(at->value), *out = plain;

    if (!plain) {
        error(reading, at, "out of memory");
        return NULL;
    }
    for (const char *in = at->value; *in; in++) {
        *out++ = *in;
        if (*in != '%')
            continue;
        if (in[1] == '%')
            in++;
        else if (!isalpha((unsigned char)in[1])) {
            error(reading, at, "%s: write a percent sign as %%%% (see systemd.unit(5))", at->key);
            free(plain);
            return NULL;
        }
    }
    *out = '\0';
    return plain;
}

static void check_option(struct reading *reading, const struct assignment *at)
{
    struct options_key key;

    if (!options_find_key(at->key, &key)) {
        refuse_key(reading, at);
        return;
    }
    _cleanup_(freep) char *plain = expand_percent(reading, at);
    if (!plain || !*plain)
        return;
    const char *allowed = options_check_value(&key, plain);
    if (allowed)
        error(reading, at, "%s: '%.*s' is not %s", at->key, MAX_SHOWN, plain, allowed);
}

static void check_application(struct reading *reading, const struct assignment *at)
{
    _cleanup_(freep) char *plain = expand_percent(reading, at);

    if (plain && *plain == '-')
        error(reading, at, "Application: '%s' begins with '-', and would be taken for an option",
            plain);
}

/* ---- the other sections --------------------------------------------------------------------- */

bool app_is_listening(const struct assignment *assignment)
{
    return strcmp(assignment->section, "Socket") == 0 &&
        strncmp(assignment->key, "Listen", strlen("Listen")) == 0;
}

/* An empty Listen...= takes back those in front of it, and the usual place. */
static bool listens_behind(const struct conf_file *file, const struct assignment *at)
{
    const struct assignment *end = file->assignments + file->count;

    for (at++; at < end; at++)
        if (app_is_listening(at) && *at->value)
            return true;
    return false;
}

/* What the generator writes itself, and what would leave nothing to listen on. */
static void check_socket(struct reading *reading, const struct assignment *at)
{
    if (strcmp(at->key, "Service") == 0)
        error(reading, at,
            "[Socket] Service: cannot be set: the socket starts the service of this file");
    else if (app_is_listening(at) && *at->value && strcmp(at->key, "ListenStream") != 0)
        error(reading, at, "[Socket] %s: HTTP needs ListenStream=", at->key);
    else if (strcmp(at->key, "Accept") == 0 && value_parse_boolean(at->value) < 0)
        error(reading, at, "[Socket] Accept: '%s' is not yes or no", at->value);
    else if (app_is_listening(at) && !*at->value && !listens_behind(reading->app->file, at))
        error(reading, at,
            "[Socket] %s: nothing is left to listen on; remove the key to use the default",
            at->key);
}

static void check_service(struct reading *reading, const struct assignment *at)
{
    if (strcmp(at->key, "ExecStart") == 0)
        error(reading, at,
            "[Service] ExecStart: cannot be set: it is generated from [App], which has keys for "
            "all options");
}

/* Names as in systemd.unit(5), without quotes and specifiers. */
static bool is_unit(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
    static const char *const types[] = {"service", "socket", "target", "device", "mount",
        "automount", "swap", "timer", "path", "slice", "scope"};
    const char *dot = strrchr(name, '.');

    if (!dot || dot == name || name[strspn(name, letters)] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(dot + 1, types[i]) == 0)
            return true;
    return false;
}

static void check_units(struct reading *reading, const struct assignment *at)
{
    _cleanup_(freep) char *units = strdup(at->value);
    char *rest = units, *unit;

    if (!units)
        error(reading, at, "out of memory");
    while ((unit = strsep(&rest, " \t")))
        if (*unit && !is_unit(unit))
            error(reading, at, "[Install] %s: '%s' is not a unit name such as sockets.target",
                at->key, unit);
}

static void check_install(struct reading *reading, const struct assignment *at)
{
    static const char *const keys[] = {"WantedBy", "RequiredBy", "UpheldBy"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(at->key, keys[i]) == 0) {
            check_units(reading, at);
            return;
        }
    error(reading, at, "unknown key '%s' in [Install]; known keys: WantedBy, RequiredBy, UpheldBy",
        at->key);
}

/* As systemd does, "X-" is left to others. */
static void check(struct reading *reading, const struct assignment *at)
{
    const char *section = at->section;

    if (strncmp(section, "X-", 2) == 0 || strncmp(at->key, "X-", 2) == 0)
        return;
    if (strcmp(section, "App") == 0 && strcmp(at->key, "Application") == 0)
        check_application(reading, at);
    else if (strcmp(section, "App") == 0)
        check_option(reading, at);
    else if (strcmp(section, "Socket") == 0)
        check_socket(reading, at);
    else if (strcmp(section, "Service") == 0)
        check_service(reading, at);
    else if (strcmp(section, "Install") == 0)
        check_install(reading, at);
    else if (strcmp(section, "Unit") != 0)
        error(reading, at,
            "unknown section [%s]; known sections: [App], [Unit], [Socket], [Service], [Install]",
            section);
}

/* ---- the command line ----------------------------------------------------------------------- */

static void add_word(struct reading *reading, const char *option, const char *value)
{
    struct app *app = reading->app;
    char *word = NULL;

    if (asprintf(&word, "%s%s%s%s", option ? "--" : "", option ? option : "",
            option && value ? "=" : "", value ? value : "") < 0)
        error(reading, NULL, "out of memory");
    else
        app->words[app->n_words++] = word;
}

static void add_option(struct reading *reading, const struct assignment *at)
{
    struct options_key key;

    if (strcmp(at->section, "App") != 0 || !*at->value || !options_find_key(at->key, &key) ||
        conf_file_is_replaced(reading->app->file, at, key.is_list))
        return;
    if (!key.is_flag)
        add_word(reading, key.option, at->value);
    else if (value_parse_boolean(at->value) > 0)
        add_word(reading, key.option, NULL);
}

static void add_words(struct reading *reading)
{
    struct app *app = reading->app;
    const struct conf_file *file = app->file;
    const char *application = conf_file_get(file, "App", "Application");

    if (!application || !*application) {
        error(reading, NULL,
            "[App] has no Application=; set it to module:callable, module:factory() or a file");
        return;
    }
    app->words = calloc(file->count + 1, sizeof(*app->words));
    if (!app->words) {
        error(reading, NULL, "out of memory");
        return;
    }
    for (size_t i = 0; i < file->count; i++)
        add_option(reading, &file->assignments[i]);
    add_word(reading, NULL, application);
}

/* What the program itself will say of all of them together. */
static void try_words(struct reading *reading)
{
    struct app *app = reading->app;
    _cleanup_(options_done) struct options options = {0};
    _cleanup_(freep) char **argv = calloc(app->n_words + 2, sizeof(*argv));
    _cleanup_(freep) char *problem = NULL;
    enum options_action action;
    char program[] = "wsgi-once";

    if (!argv) {
        error(reading, NULL, "out of memory");
        return;
    }
    argv[0] = program;
    memcpy(argv + 1, app->words, app->n_words * sizeof(*argv));
    if (options_parse((int)app->n_words + 1, argv, &options, &action, &problem) < 0) {
        error(reading, NULL, "%s", problem ? problem : "out of memory");
        return;
    }
    app->single = options.single;
    if (options.request_timeout > 0)
        app->longest_request = options.request_timeout + options.linger_timeout;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool has_errors(const struct reading *reading)
{
    return reading->report->errors > reading->errors_before;
}

bool app_read(
    struct app *app, const char *name, const struct conf_file *file, struct report *report)
{
    struct reading reading = {.app = app, .report = report, .errors_before = report->errors};
    const char *problem = app_check_name(name);

    *app = (struct app){.name = name, .file = file};
    if (problem)
        error(&reading, NULL, "%s", problem);
    for (size_t i = 0; i < file->count; i++)
        check(&reading, &file->assignments[i]);
    if (!has_errors(&reading))
        add_words(&reading);
    if (!has_errors(&reading))
        try_words(&reading);
    const char *accept = conf_file_get(file, "Socket", "Accept");
    app->accept = accept && value_parse_boolean(accept) > 0;
    return !has_errors(&reading);
}

void app_done(struct app *app)
{
    for (size_t i = 0; i < app->n_words; i++)
        free(app->words[i]);
    free(app->words);
    *app = (struct app){0};
}
