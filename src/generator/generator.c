/* wsgi-once-generator: one small file per app in, units out. See systemd.generator(7).
 *
 * The table of contents: read the command line, find the files, understand each, write its units.
 * What is wrong with one of them is reported and does not keep it from the others.
 */

#include "base/cleanup.h"
#include "generator/app.h"
#include "generator/apps.h"
#include "generator/conf_file.h"
#include "generator/output.h"
#include "generator/proxies.h"
#include "generator/report.h"
#include "generator/units.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct settings {
    bool dry_run;
    bool user;             /* for a user's service manager */
    const char *root;      /* look for the files below this directory; "" */
    const char *directory; /* where units go */
    char **files;          /* look at these files only, up to NULL; empty: at all */
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

static int usage(void)
{
    fprintf(stderr,
        "wsgi-once-generator: specify one or three output directories, or --dry-run (see "
        "--help)\n");
    return EX_USAGE;
}

static int print(const char *text)
{
    return fputs(text, stdout) == EOF || fflush(stdout) == EOF ? EX_IOERR : 0;
}

/* systemd says for whom it runs a generator. */
static bool is_for_user(void)
{
    const char *scope = getenv("SYSTEMD_SCOPE");
    return scope && strcmp(scope, "user") == 0;
}

/* Returns -1 to go on, or the exit status. */
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
        case 'h': return print(help);
        case 'v': return print("wsgi-once " VERSION "\n");
        default: return EX_USAGE;
        }
    settings->files = argv + optind;
    settings->directory = settings->user ? "%t/systemd/generator" : "/run/systemd/generator";
    if (settings->dry_run)
        return -1;
    if (argc - optind != 1 && argc - optind != 3)
        return usage();
    settings->directory = argv[optind];
    settings->files = argv + argc;
    return -1;
}

/* ---- one app -------------------------------------------------------------------------------- */

static void make_units(const struct settings *settings, const struct app_file *file,
    struct output *output, struct report *report)
{
    unsigned errors = report->errors;
    struct conf_file conf;
    struct app app;

    report_next_file(report);
    _cleanup_(freep) char *text = apps_read(file, report);

    if (!text)
        return;
    conf_file_parse(&conf, file->path, text, report);
    app_read(&app, file->name, &conf, report);
    if (report->errors == errors)
        proxies_check(&app, settings->user, report);
    if (report->errors == errors)
        units_write(&app, settings->user, output);
    app_done(&app);
    conf_file_done(&conf);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Where the files of a user's apps are, on the heap; NULL when that is not known. */
static char *user_directory(struct report *report)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;

    if (config && *config == '/' ? asprintf(&path, "%s/wsgi-once", config) < 0
                                 : !home || asprintf(&path, "%s/.config/wsgi-once", home) < 0) {
        report_error(report, NULL, 0, "neither XDG_CONFIG_HOME nor HOME is set");
        return NULL;
    }
    return path;
}

static void find(const struct settings *settings, struct apps *apps, struct report *report)
{
    static const char *const system_directories[] = {
        "/etc/wsgi-once", "/usr/local/lib/wsgi-once", "/usr/lib/wsgi-once", NULL};

    if (*settings->files) {
        for (char **file = settings->files; *file; file++)
            apps_add(apps, *file, report);
        return;
    }
    _cleanup_(freep) char *own = settings->user ? user_directory(report) : NULL;
    const char *const user_directories[] = {own, NULL};
    apps_find(apps, settings->root, settings->user ? user_directories : system_directories, report);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct report report;
    struct apps apps = {0};
    int status = read_settings(argc, argv, &settings);

    if (status >= 0)
        return status;
    /* A user's manager passes on what is printed; the system's does not. */
    report_init(&report, !settings.dry_run && !settings.user);
    struct output output = {
        .directory = settings.directory,
        .dry_run = settings.dry_run,
        .report = &report,
    };
    find(&settings, &apps, &report);
    for (size_t i = 0; i < apps.count; i++)
        make_units(&settings, &apps.files[i], &output, &report);
    apps_done(&apps);
    report_done(&report);
    return report.errors > 0 ? EX_CONFIG : 0;
}
