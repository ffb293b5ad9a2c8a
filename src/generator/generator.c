/* wsgi-once-generator: turns one small file per app into units. See systemd.generator(7).
 *
 * It reads the command line, finds the files, checks each and writes its units. An error in one
 * file is reported and does not affect the others.
 */

#include "base/cleanup.h"
#include "generator/app.h"
#include "generator/apps.h"
#include "generator/conf_file.h"
#include "generator/diagnostics.h"
#include "generator/output.h"
#include "generator/proxies.h"
#include "generator/units.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct settings {
    bool dry_run;
    bool user;             /* for a user's service manager */
    const char *root;      /* find the files below this directory; "" for / */
    const char *directory; /* write the units here */
    char **files;          /* read only these files, up to a NULL; none: all */
};

static const char help[] =
    "Usage: wsgi-once-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n"
    "       wsgi-once-generator --dry-run [OPTION]... [FILE]...\n"
    "Generate units from the files /etc/wsgi-once/APP.conf. systemd runs the first form at\n"
    "boot and on `systemctl daemon-reload`.\n"
    "\n"
    "  --dry-run    print the units of all files, or of the given ones, and all errors\n"
    "  --user       use the files of this user: ~/.config/wsgi-once/APP.conf\n"
    "  --root=DIR   look for the files below this directory\n"
    "  --help       print this help and exit\n"
    "  --version    print the version and exit\n"
    "\n"
    "See wsgi-once-generator(8) and wsgi-once.conf(5).\n";

/* ---- the command line ----------------------------------------------------------------------- */

static int refuse_usage(void)
{
    fprintf(stderr,
        "wsgi-once-generator: specify one or three output directories, or --dry-run (see "
        "--help)\n");
    return EX_USAGE;
}

static int print_text(const char *text)
{
    return fputs(text, stdout) == EOF || fflush(stdout) == EOF ? EX_IOERR : 0;
}

/* systemd sets SYSTEMD_SCOPE (systemd.generator(7)). */
static bool is_for_user(void)
{
    const char *scope = getenv("SYSTEMD_SCOPE");
    return scope && strcmp(scope, "user") == 0;
}

/* Returns -1 to continue, or the exit status. */
static int read_settings(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"dry-run", no_argument, NULL, 'n'},
        {"user", no_argument, NULL, 'u'},
        {"root", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int option;

    *settings = (struct settings){.user = is_for_user(), .root = ""};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'n': settings->dry_run = true; break;
        case 'u': settings->user = true; break;
        case 'r': settings->root = optarg; break;
        case 'h': return print_text(help);
        case 'v': return print_text("wsgi-once " VERSION "\n");
        default: return EX_USAGE;
        }
    settings->files = argv + optind;
    settings->directory = settings->user ? "%t/systemd/generator" : "/run/systemd/generator";
    if (settings->dry_run)
        return -1;
    if (argc - optind != 1 && argc - optind != 3)
        return refuse_usage();
    settings->directory = argv[optind];
    settings->files = argv + argc;
    return -1;
}

/* ---- one app -------------------------------------------------------------------------------- */

static void make_units(const struct settings *settings, const struct app_file *file,
    struct output *output, struct diagnostics *diagnostics)
{
    unsigned errors = diagnostics->errors;
    struct conf_file conf;
    struct app app;

    diagnostics_next_file(diagnostics);
    _cleanup_(freep) char *text = apps_read(file, diagnostics);

    if (!text)
        return;
    conf_file_parse(&conf, file->path, text, diagnostics);
    app_read(&app, file->name, &conf, diagnostics);
    if (diagnostics->errors == errors)
        proxies_check(&app, settings->user, diagnostics);
    if (diagnostics->errors == errors)
        units_write(&app, settings->user, output);
    app_done(&app);
    conf_file_done(&conf);
}

/* ---- all apps ------------------------------------------------------------------------------- */

/* Returns the directory of a user's files, on the heap, or NULL after reporting an error. */
static char *user_directory(struct diagnostics *diagnostics)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;

    if (config && *config == '/' ? asprintf(&path, "%s/wsgi-once", config) < 0
                                 : !home || asprintf(&path, "%s/.config/wsgi-once", home) < 0) {
        diagnostics_error(diagnostics, NULL, 0, "neither XDG_CONFIG_HOME nor HOME is set");
        return NULL;
    }
    return path;
}

static void find_apps(
    const struct settings *settings, struct apps *apps, struct diagnostics *diagnostics)
{
    static const char *const system_directories[] = {
        "/etc/wsgi-once", "/usr/local/lib/wsgi-once", "/usr/lib/wsgi-once", NULL};

    if (*settings->files) {
        for (char **file = settings->files; *file; file++)
            apps_add(apps, *file, diagnostics);
        return;
    }
    _cleanup_(freep) char *own = settings->user ? user_directory(diagnostics) : NULL;
    const char *const user_directories[] = {own, NULL};
    apps_find(
        apps, settings->root, settings->user ? user_directories : system_directories, diagnostics);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct diagnostics diagnostics;
    struct apps apps = {0};
    int status = read_settings(argc, argv, &settings);

    if (status >= 0)
        return status;
    /* A user's service manager logs the standard error of generators; the system's does not. */
    diagnostics_init(&diagnostics, !settings.dry_run && !settings.user);
    struct output output = {
        .directory = settings.directory,
        .dry_run = settings.dry_run,
        .diagnostics = &diagnostics,
    };
    find_apps(&settings, &apps, &diagnostics);
    for (size_t i = 0; i < apps.count; i++)
        make_units(&settings, &apps.files[i], &output, &diagnostics);
    apps_done(&apps);
    diagnostics_done(&diagnostics);
    return diagnostics.errors > 0 ? EX_CONFIG : 0;
}
