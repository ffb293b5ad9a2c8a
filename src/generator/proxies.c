#include "generator/proxies.h"

#include "options/options.h"
#include "options/value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *user)
{
    return isdigit((unsigned char)*user);
}

/* In a user namespace two users keep their numbers: root, and the one that the service runs as. One
 * that may be the latter is given the benefit of the doubt. */
static bool keeps_its_number(const struct app *app, const char *user)
{
    const char *own = conf_file_get(app->file, "Service", "User");
    enum { DYNAMIC_FIRST = 61184, DYNAMIC_LAST = 65519 }; /* https://systemd.io/UIDS-GIDS */
    char dynamic[64];

    if (strcmp(user, "root") == 0 || strcmp(user, "0") == 0)
        return true;
    if (own && *own)
        return strchr(own, '%') || is_number(own) != is_number(user) || strcmp(own, user) == 0;
    snprintf(dynamic, sizeof(dynamic), "wsgi-once-%s", app->name);
    if (is_number(user)) {
        unsigned long number = strtoul(user, NULL, 10);
        return number >= DYNAMIC_FIRST && number <= DYNAMIC_LAST;
    }
    return strcmp(user, dynamic) == 0;
}

/* Other values than those of systemd.exec(5) here, such as "identity", keep more users apart. */
static bool has_private_users(const struct app *app, bool user)
{
    const char *value = conf_file_get(app->file, "Service", "PrivateUsers");

    if (!value)
        return !user && !app->accept; /* 10-wsgi-once.conf, lean.conf */
    return strcmp(value, "self") == 0 || value_parse_boolean(value) > 0;
}

static void check(const struct app *app, const struct assignment *at, struct report *report)
{
    static const char prefix[] = "unix:";
    const char *user = at->value + strlen(prefix);

    if (strncmp(at->value, prefix, strlen(prefix)) != 0 || strchr(user, '%') ||
        keeps_its_number(app, user))
        return;
    report_error(report, app->file->path, at->line,
        "TrustedProxy: '%s' cannot be distinguished from other users in this service, which has "
        "PrivateUsers=yes; set PrivateUsers=no in [Service], or trust every unix client with "
        "'unix'",
        at->value);
}

void proxies_check(const struct app *app, bool user, struct report *report)
{
    const struct conf_file *file = app->file;

    if (!has_private_users(app, user))
        return;
    for (size_t i = 0; i < file->count; i++) {
        const struct assignment *at = &file->assignments[i];
        if (strcmp(at->section, "App") == 0 && strcmp(at->key, "TrustedProxy") == 0 &&
            !conf_file_is_replaced(file, at, true))
            check(app, at, report);
    }
}
