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

/* With PrivateUsers=yes only root and the user of the service keep their numbers in the service. A
 * user who may turn out to be the latter passes. */
static bool may_keep_number(const struct app *app, const char *user)
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

/* Whether the service has PrivateUsers=yes or self. Other values of systemd.exec(5), such as
 * identity, keep more users apart. */
static bool has_private_users(const struct app *app, bool user)
{
    const char *value = conf_file_get(app->file, "Service", "PrivateUsers");

    if (!value)
        return !user && !app->accept; /* see 10-wsgi-once.conf and lean.conf */
    return strcmp(value, "self") == 0 || value_parse_boolean(value) > 0;
}

static void check_trusted_proxy(
    const struct app *app, const struct assignment *at, struct diagnostics *diagnostics)
{
    static const char prefix[] = "unix:";
    const char *user = at->value + strlen(prefix);

    if (strncmp(at->value, prefix, strlen(prefix)) != 0 || strchr(user, '%') ||
        may_keep_number(app, user))
        return;
    diagnostics_error(diagnostics, app->file->path, at->line,
        "TrustedProxy: '%s' cannot be distinguished from other users in this service, which has "
        "PrivateUsers=yes; set PrivateUsers=no in [Service], or trust every unix client with "
        "'unix'",
        at->value);
}

void proxies_check(const struct app *app, bool user, struct diagnostics *diagnostics)
{
    const struct conf_file *file = app->file;

    if (!has_private_users(app, user))
        return;
    for (size_t i = 0; i < file->count; i++) {
        const struct assignment *at = &file->assignments[i];
        if (strcmp(at->section, "App") == 0 && strcmp(at->key, "TrustedProxy") == 0 &&
            !conf_file_is_replaced(file, at, true))
            check_trusted_proxy(app, at, diagnostics);
    }
}
