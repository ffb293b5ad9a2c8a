#include "image/variables.h"

#include "image/circumstances.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* activation.h and notify.h remove these. */
static bool is_for_program(const char *variable)
{
    static const char *const names[] = {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
        "LISTEN_PIDFDID=", "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool is_handed_over(const char *variable)
{
    return !circumstances_has_variable(variable) && !is_for_program(variable);
}

struct variables *variables_new(void)
{
    size_t size = 0;

    for (size_t i = 0; environ && environ[i]; i++)
        if (is_handed_over(environ[i]))
            size += strlen(environ[i]) + 1;
    struct variables *variables = calloc(1, sizeof(*variables) + size);
    if (!variables)
        return NULL;
    for (size_t i = 0; environ && environ[i]; i++) {
        size_t length = strlen(environ[i]) + 1;
        if (!is_handed_over(environ[i]))
            continue;
        memcpy(variables->text + variables->size, environ[i], length);
        variables->size += (uint32_t)length;
    }
    return variables;
}

size_t variables_size(const struct variables *variables)
{
    return sizeof(*variables) + variables->size;
}

const char *variables_find(const struct variables *variables, const char *variable)
{
    size_t size = strcspn(variable, "=");
    const char *end = variables->text + variables->size;

    for (const char *at = variables->text; at < end; at += strlen(at) + 1)
        if (strncmp(at, variable, size) == 0 && at[size] == '=')
            return at + size + 1;
    return NULL;
}
