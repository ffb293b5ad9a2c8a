#include "frozen/renew.h"

#include "base/cleanup.h"
#include "wsgi/python.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int renew_variable(
    const char *variable, const struct variables *before, const struct variables *now)
{
    _cleanup_(freep) char *name = strndup(variable, strcspn(variable, "="));
    const char *old = variables_find(before, variable);
    const char *new = variables_find(now, variable);
    const char *present = name ? getenv(name) : NULL;

    if (!name)
        return -ENOMEM;
    if ((present && old ? strcmp(present, old) == 0 : present == old) &&
        (new ? setenv(name, new, 1) : unsetenv(name)) < 0)
        return -errno;
    return python_renew_variable(name, old, new) < 0 ? -EINVAL : 0;
}

/* Renews each variable that is in `names`. */
static int renew_each(
    const struct variables *names, const struct variables *before, const struct variables *now)
{
    const char *end = names->text + names->size;
    int r = 0;

    for (const char *at = names->text; r == 0 && at < end; at += strlen(at) + 1)
        r = renew_variable(at, before, now);
    return r;
}

int renew_variables(const struct variables *before, const struct variables *now)
{
    int r = renew_each(before, before, now);

    return r == 0 ? renew_each(now, before, now) : r;
}
