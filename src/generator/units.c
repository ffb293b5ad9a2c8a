#include "generator/units.h"

#include "base/cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The settings of the app's file. The name sorts after the shipped drop-ins (10-) and before the
 * administrator's: `systemctl edit` writes override.conf. */
#define DROP_IN "50-app.conf"
/* A smaller sandbox where systemd builds one for each request. */
#define LEAN_DROP_IN "20-lean.conf"
/* From the last timeout of a request to RuntimeMaxSec= of its unit. */
#define RUNTIME_SLACK (10 * USEC_PER_SEC)

enum { NAME_SIZE = 64 }; /* enough for a unit name with an app's name of 21 characters */

struct units {
    const struct app *app;
    struct output *output;
    bool user;
    char socket[NAME_SIZE];  /* wsgi-once-blog.socket */
    char service[NAME_SIZE]; /* wsgi-once-blog.service or wsgi-once-blog@.service */
};

/* ---- lines ---------------------------------------------------------------------------------- */

/* Writes a path so that systemd finds no specifiers in it. */
static void write_path(FILE *file, const char *key, const char *path)
{
    fprintf(file, "%s=", key);
    for (; *path; path++) {
        if (*path == '%')
            fputc('%', file);
        fputc(*path, file);
    }
    fputc('\n', file);
}

static FILE *begin_unit(const struct units *units, const char *name, const char *what)
{
    const struct app *app = units->app;
    FILE *file = output_open(units->output, name);

    if (!file)
        return NULL;
    fprintf(file,
        "# By wsgi-once-generator(8), from %s: change that one.\n"
        "\n"
        "[Unit]\n"
        "Description=%s (wsgi-once%s)\n"
        "Documentation=man:wsgi-once.conf(5) man:wsgi-once(8)\n",
        app->file->path, app->name, what);
    write_path(file, "SourcePath", app->file->path);
    return file;
}

static void write_seconds(FILE *file, const char *key, usec_t time)
{
    fprintf(file, "%s=%" PRIu64 "s\n", key, (time + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/* Writes one word of a command line of systemd.service(5). Specifiers ("%h") keep their meaning. */
static void write_quoted_word(FILE *file, const char *word)
{
    fputs(" \"", file);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            fputc('\\', file);
        if (*word == '$')
            fputc('$', file);
        fputc(*word, file);
    }
    fputc('"', file);
}

/* Whether a word needs no quotes in systemd.service(5). */
static bool is_plain_word(const char *word)
{
    return *word && strpbrk(word, " \t\"'\\$;") == NULL;
}

static void write_exec_start(FILE *file, const struct app *app)
{
    fprintf(file, "ExecStart=" PROGRAM_PATH);
    for (size_t i = 0; i < app->n_words; i++)
        if (is_plain_word(app->words[i]))
            fprintf(file, " %s", app->words[i]);
        else
            write_quoted_word(file, app->words[i]);
    fputc('\n', file);
}

/* ---- units ---------------------------------------------------------------------------------- */

static bool is_in_section(const struct assignment *assignment, const char *section)
{
    return strcmp(assignment->section, section) == 0;
}

/* Whether the file replaces the default socket, and whether it does so by network sockets only. */
static void inspect_sockets(const struct app *app, bool *ret_is_replaced, bool *ret_is_network)
{
    const struct conf_file *file = app->file;

    *ret_is_replaced = *ret_is_network = false;
    for (size_t i = 0; i < file->count; i++) {
        const struct assignment *at = &file->assignments[i];
        if (!app_is_listening(at))
            continue;
        /* An empty assignment removes those before it. */
        *ret_is_network =
            *at->value && (!*ret_is_replaced || *ret_is_network) && !strchr("/@%", *at->value);
        *ret_is_replaced = *at->value != '\0';
    }
}

static void write_socket(const struct units *units)
{
    const struct app *app = units->app;
    bool is_replaced, is_network;
    FILE *file = begin_unit(units, units->socket, ", socket");

    if (!file)
        return;
    inspect_sockets(app, &is_replaced, &is_network);
    fprintf(file, "\n[Socket]\n");
    if (!is_replaced)
        fprintf(
            file, "ListenStream=%s/wsgi-once/%s.sock\n", units->user ? "%t" : "/run", app->name);
    if (is_network) /* systemd does not start the app for a client that sends nothing */
        fprintf(file, "DeferAcceptSec=10s\n");
    output_close(units->output, units->socket, file);
}

/* If systemd cannot start the process (systemd.exec(5), "Process Exit Codes"), or if the dynamic
 * linker (127) or the system call filter ends it early, nothing accepts the waiting connection, and
 * the socket would start the service again in a loop. A restart comes after a pause instead. */
static void write_restart(FILE *file)
{
    enum { FIRST = 200, LAST = 245 }; /* EXIT_CHDIR to EXIT_BPF */

    fprintf(file, "RestartSec=5s\nRestartForceExitStatus=127 SIGSYS ");
    for (int status = FIRST; status <= LAST; status++)
        fprintf(file, "%d%c", status, status < LAST ? ' ' : '\n');
}

/* Listener activation. Requires= is for a service that is started by hand. */
static void write_service(const struct units *units)
{
    FILE *file = begin_unit(units, units->service, "");

    if (!file)
        return;
    fprintf(file, "Requires=%s\n\n[Service]\nType=%s\n", units->socket,
        units->app->single ? "exec" : "notify");
    write_exec_start(file, units->app);
    fprintf(file,
        "ExecReload=sh -c \"kill -HUP $MAINPID\"\n"
        "%s"
        "MemoryMax=1G\n"
        "OOMPolicy=continue\n"
        "TasksMax=512\n",
        units->app->single ? "" : "WatchdogSec=1min\n");
    write_restart(file);
    output_close(units->output, units->service, file);
}

/* Connection activation. */
static void write_instance_template(const struct units *units)
{
    FILE *file = begin_unit(units, units->service, ", connection %i");

    if (!file)
        return;
    fprintf(file, "\n[Service]\n");
    write_exec_start(file, units->app);
    fprintf(file, "MemoryMax=256M\nTasksMax=64\n");
    if (units->app->longest_request > 0)
        write_seconds(file, "RuntimeMaxSec", units->app->longest_request + RUNTIME_SLACK);
    output_close(units->output, units->service, file);
}

/* ---- drop-ins ------------------------------------------------------------------------------- */

static bool has_section(const struct app *app, const char *section)
{
    for (size_t i = 0; i < app->file->count; i++)
        if (is_in_section(&app->file->assignments[i], section))
            return true;
    return false;
}

/* Writes an assignment as in the file. A value that ends with a backslash was followed by white
 * space there, and needs it here: without it, the next line would continue this one. */
static void write_assignment(FILE *file, const struct assignment *assignment)
{
    const char *value = assignment->value;
    bool ends_with_backslash = *value && value[strlen(value) - 1] == '\\';

    fprintf(file, "%s=%s%s\n", assignment->key, value, ends_with_backslash ? " " : "");
}

static void write_section(FILE *file, const struct app *app, const char *section)
{
    if (!has_section(app, section))
        return;
    fprintf(file, "\n[%s]\n", section);
    for (size_t i = 0; i < app->file->count; i++)
        if (is_in_section(&app->file->assignments[i], section))
            write_assignment(file, &app->file->assignments[i]);
}

/* Writes one or two sections of the file as a drop-in of the unit. */
static void write_drop_in(
    const struct units *units, const char *unit, const char *first, const char *second)
{
    const struct app *app = units->app;
    char name[NAME_SIZE + sizeof(".d/" DROP_IN)];

    if (!has_section(app, first) && !(second && has_section(app, second)))
        return;
    snprintf(name, sizeof(name), "%s.d/" DROP_IN, unit);
    FILE *file = output_open(units->output, name);
    if (!file)
        return;
    fprintf(file, "# From %s\n", app->file->path);
    write_section(file, app, first);
    if (second)
        write_section(file, app, second);
    output_close(units->output, name, file);
}

/* Services of connection activation have the lean sandbox: see lean.conf. */
static void link_lean_drop_in(const struct units *units)
{
    char name[NAME_SIZE + sizeof(".d/" LEAN_DROP_IN)];

    snprintf(name, sizeof(name), "%s.d/" LEAN_DROP_IN, units->service);
    output_link(units->output, name, LEAN_PATH);
}

/* ---- [Install] ------------------------------------------------------------------------------ */

static void link_to_socket(const struct units *units, const char *wanting, const char *suffix)
{
    _cleanup_(freep) char *names = strdup(wanting);
    _cleanup_(freep) char *target = NULL;
    char *rest = names, *unit;

    if (asprintf(&target, "../%s", units->socket) < 0)
        target = NULL;
    while (target && (unit = strsep(&rest, " \t"))) {
        _cleanup_(freep) char *name = NULL;
        if (*unit && asprintf(&name, "%s.%s/%s", unit, suffix, units->socket) >= 0)
            output_link(units->output, name, target);
    }
}

/* Does what `systemctl enable` does, because generated units cannot be enabled. */
static void write_install_links(const struct units *units, const char *key, const char *suffix)
{
    const struct conf_file *file = units->app->file;

    for (size_t i = 0; i < file->count; i++) {
        const struct assignment *at = &file->assignments[i];
        if (is_in_section(at, "Install") && strcmp(at->key, key) == 0 &&
            !conf_file_is_replaced(file, at, true))
            link_to_socket(units, at->value, suffix);
    }
}

void units_write(const struct app *app, bool user, struct output *output)
{
    struct units units = {.app = app, .output = output, .user = user};

    snprintf(units.socket, sizeof(units.socket), "wsgi-once-%s.socket", app->name);
    snprintf(units.service, sizeof(units.service), "wsgi-once-%s%s.service", app->name,
        app->accept ? "@" : "");
    write_socket(&units);
    write_drop_in(&units, units.socket, "Socket", NULL);
    if (app->accept)
        write_instance_template(&units);
    else
        write_service(&units);
    if (app->accept && !user)
        link_lean_drop_in(&units);
    write_drop_in(&units, units.service, "Unit", "Service");
    write_install_links(&units, "WantedBy", "wants");
    write_install_links(&units, "RequiredBy", "requires");
    write_install_links(&units, "UpheldBy", "upholds");
}
