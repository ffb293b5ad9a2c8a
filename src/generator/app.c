#include "generator/app.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "options/keys.h"
#include "options/options.h"
#include "options/parse.h"
#include "options/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A user name has at most 31 characters, because it must fit into utmp(5). The user of an app is
 * wsgi-once-NAME. */
enum { MAX_NAME = 31 - (sizeof("wsgi-once-") - 1) };

/* How much of a long value a message shows, to leave room for what is wrong with it. */
enum { MAX_SHOWN = 200 };

struct reading {
    struct app *app;
    struct diagnostics *diagnostics;
    unsigned errors_before;
};

static void app_error(struct reading *reading, const struct assignment *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void app_error(struct reading *reading, const struct assignment *at, const char *format, ...)
{
    const char *path = reading->app->file->path;
    char text[1024] = ""; /* more than diagnostics_error shows */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    diagnostics_error(reading->diagnostics, path, at ? at->line : 0, "%s", text);
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

/* Finds a key that differs only in case. */
static bool find_similar_key(const char *text, char key[OPTIONS_KEY_SIZE])
{
    for (size_t cursor = 0; options_next_key(&cursor, key);)
        if (strcasecmp(key, text) == 0)
            return true;
    return false;
}

/* Returns "Application, Directory, ..." on the heap, or NULL. */
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

    if (find_similar_key(at->key, key))
        app_error(reading, at, "unknown key '%s' in [App]; did you mean %s?", at->key, key);
    else
        app_error(reading, at, "unknown key '%.*s' in [App]; known keys: %s", MAX_SHOWN, at->key,
            keys ? keys : "see wsgi-once.conf(5)");
}

/* Expands a value as systemd will, as far as possible: "%%" is a percent sign. Other specifiers
 * stay, because their values are not known here. Returns the result on the heap, or NULL after
 * reporting an error. */
static char *expand_percent(struct reading *reading, const struct assignment *at)
{
    char *plain = strdup(at->value), *out = plain;

    if (!plain) {
        app_error(reading, at, "out of memory");
        return NULL;
    }
    for (const char *in = at->value; *in; in++) {
        *out++ = *in;
        if (*in != '%')
            continue;
        if (in[1] == '%')
            in++;
        else if (!isalpha((unsigned char)in[1])) {
            app_error(
                reading, at, "%s: write a percent sign as %%%% (see systemd.unit(5))", at->key);
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
    const char *allowed;
    int r = options_check_value(&key, plain, &allowed);
    if (r == -EINVAL)
        app_error(reading, at, "%s: '%.*s' is not %s", at->key, MAX_SHOWN, plain, allowed);
    else if (r < 0)
        app_error(reading, at, "out of memory");
}

static void check_application_name(struct reading *reading, const struct assignment *at)
{
    _cleanup_(freep) char *plain = expand_percent(reading, at);

    if (plain && *plain == '-')
        app_error(reading, at,
            "Application: '%s' begins with '-', and would be taken for an option", plain);
}

/* ---- the other sections --------------------------------------------------------------------- */

bool app_is_listening(const struct assignment *assignment)
{
    return strcmp(assignment->section, "Socket") == 0 &&
        strncmp(assignment->key, "Listen", strlen("Listen")) == 0;
}

/* Whether a later assignment opens a socket. An empty Listen...= removes the sockets before it,
 * including the default. */
static bool listens_later(const struct conf_file *file, const struct assignment *at)
{
    const struct assignment *end = file->assignments + file->count;

    for (at++; at < end; at++)
        if (app_is_listening(at) && *at->value)
            return true;
    return false;
}

/* Rejects what the generator writes itself, and what leaves no socket to listen on. */
static void check_socket(struct reading *reading, const struct assignment *at)
{
    if (strcmp(at->key, "Service") == 0)
        app_error(reading, at,
            "[Socket] Service: cannot be set: the socket starts the service of this file");
    else if (app_is_listening(at) && *at->value && strcmp(at->key, "ListenStream") != 0)
        app_error(reading, at, "[Socket] %s: HTTP needs ListenStream=", at->key);
    else if (strcmp(at->key, "Accept") == 0 && value_parse_boolean(at->value) < 0)
        app_error(reading, at, "[Socket] Accept: '%s' is not yes or no", at->value);
    else if (app_is_listening(at) && !*at->value && !listens_later(reading->app->file, at))
        app_error(reading, at,
            "[Socket] %s: nothing is left to listen on; remove the key to use the default",
            at->key);
}

static void check_service(struct reading *reading, const struct assignment *at)
{
    if (strcmp(at->key, "ExecStart") == 0)
        app_error(reading, at,
            "[Service] ExecStart: cannot be set: it is generated from [App], which has keys for "
            "all options");
}

/* Whether it is a unit name of systemd.unit(5), without quotes and specifiers. */
static bool is_unit_name(const char *name)
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

static void check_unit_names(struct reading *reading, const struct assignment *at)
{
    _cleanup_(freep) char *units = strdup(at->value);
    char *rest = units, *unit;

    if (!units)
        app_error(reading, at, "out of memory");
    while ((unit = strsep(&rest, " \t")))
        if (*unit && !is_unit_name(unit))
            app_error(reading, at, "[Install] %s: '%s' is not a unit name such as sockets.target",
                at->key, unit);
}

static void check_install(struct reading *reading, const struct assignment *at)
{
    static const char *const keys[] = {"WantedBy", "RequiredBy", "UpheldBy"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(at->key, keys[i]) == 0) {
            check_unit_names(reading, at);
            return;
        }
    app_error(reading, at,
        "unknown key '%s' in [Install]; known keys: WantedBy, RequiredBy, UpheldBy", at->key);
}

/* Sections and keys that begin with "X-" belong to other programs, as in systemd.syntax(7). The
 * other keys of [Unit], [Socket] and [Service] are checked by systemd. */
static void check_assignment(struct reading *reading, const struct assignment *at)
{
    const char *section = at->section;

    if (strncmp(section, "X-", 2) == 0 || strncmp(at->key, "X-", 2) == 0)
        return;
    if (strcmp(section, "App") == 0 && strcmp(at->key, "Application") == 0)
        check_application_name(reading, at);
    else if (strcmp(section, "App") == 0)
        check_option(reading, at);
    else if (strcmp(section, "Socket") == 0)
        check_socket(reading, at);
    else if (strcmp(section, "Service") == 0)
        check_service(reading, at);
    else if (strcmp(section, "Install") == 0)
        check_install(reading, at);
    else if (strcmp(section, "Unit") != 0)
        app_error(reading, at,
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
        app_error(reading, NULL, "out of memory");
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
        app_error(reading, NULL,
            "[App] has no Application=; set it to module:callable, module:factory() or a file");
        return;
    }
    app->words = calloc(file->count + 1, sizeof(*app->words));
    if (!app->words) {
        app_error(reading, NULL, "out of memory");
        return;
    }
    for (size_t i = 0; i < file->count; i++)
        add_option(reading, &file->assignments[i]);
    add_word(reading, NULL, application);
}

/* Parses the words as the program will, which also checks how they fit together. */
static void parse_words(struct reading *reading)
{
    struct app *app = reading->app;
    _cleanup_(options_done) struct options options = {0};
    _cleanup_(freep) char **argv = calloc(app->n_words + 2, sizeof(*argv));
    struct problem problem;
    enum options_action action;
    char program[] = "wsgi-once";

    if (!argv) {
        app_error(reading, NULL, "out of memory");
        return;
    }
    argv[0] = program;
    memcpy(argv + 1, app->words, app->n_words * sizeof(*argv));
    if (options_parse((int)app->n_words + 1, argv, &options, &action, &problem) < 0) {
        app_error(reading, NULL, "%s", problem.text);
        return;
    }
    app->single = options.single;
    if (options.timeouts.request > 0)
        app->longest_request = options.timeouts.request + options.timeouts.linger;
}

/* ---- the whole file ------------------------------------------------------------------------- */

static bool has_errors(const struct reading *reading)
{
    return reading->diagnostics->errors > reading->errors_before;
}

bool app_read(struct app *app, const char *name, const struct conf_file *file,
    struct diagnostics *diagnostics)
{
    struct reading reading = {
        .app = app, .diagnostics = diagnostics, .errors_before = diagnostics->errors};
    const char *problem = app_check_name(name);

    *app = (struct app){.name = name, .file = file};
    if (problem)
        app_error(&reading, NULL, "%s", problem);
    for (size_t i = 0; i < file->count; i++)
        check_assignment(&reading, &file->assignments[i]);
    if (!has_errors(&reading))
        add_words(&reading);
    if (!has_errors(&reading))
        parse_words(&reading);
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
