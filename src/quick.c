#include "quick.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/streams.h"
#include "image/thaw.h"
#include "image/variables.h"
#include "options/value.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_PASSED = 3 }; /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

/* ---- the program ---------------------------------------------------------------------------- */

/* The directory of this program, without a slash at the end. Without /proc, it is that of the path
 * which execve(2) was given, but never the working directory: a library is loaded from there. */
static void find_own_directory(char *ret, size_t size)
{
    const char *given = image_pointer(getauxval(AT_EXECFN));
    ssize_t length = readlink("/proc/self/exe", ret, size - 1);

    if (length > 0)
        ret[length] = '\0';
    else
        snprintf(ret, size, "%s", given && given[0] == '/' ? given : "/");
    char *slash = strrchr(ret, '/');
    if (slash)
        *slash = '\0';
}

void quick_find_program(char ret_path[static PATH_MAX])
{
    static const char name[] = "wsgi-once.so", installed[] = "/../lib/wsgi-once/";
    char directory[PATH_MAX - sizeof(installed) - sizeof(name)];

    find_own_directory(directory, sizeof(directory));
    snprintf(ret_path, PATH_MAX, "%s/%s", directory, name);
    if (access(ret_path, F_OK) < 0)
        snprintf(ret_path, PATH_MAX, "%s%s%s", directory, installed, name);
}

/* ---- options -------------------------------------------------------------------------------- */

/* If the option has this name, sets *ret to its value, which may be the next argument, and moves
 * there. */
static bool has_value(char *const **at, const char *name, const char **ret)
{
    const char *argument = **at;
    size_t size = strlen(name);

    if (strncmp(argument, name, size) != 0 || (argument[size] != '=' && argument[size] != '\0'))
        return false;
    if (argument[size] == '=')
        *ret = argument + size + 1;
    else if ((*at)[1])
        *ret = *++*at;
    return true;
}

/* Finds the options for images. The others are those that the image was made with, or it does not
 * fit. Returns whether there is an image to start from. */
static bool find_options(char *const *arguments, struct image_use *ret)
{
    const char *age = IMAGE_MAX_AGE, *path = NULL, *other;

    for (char *const *at = arguments; *at; at++)
        if (!has_value(&at, "--image", &path) && !has_value(&at, "--image-max-age", &age) &&
            has_value(&at, "--freeze", &other))
            return false;
    *ret = (struct image_use){.path = path, .arguments = arguments};
    return path && path[0] == '/' && !value_parse_duration(age, &ret->max_age);
}

/* ---- the connection ------------------------------------------------------------------------- */

static int option_of_socket(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* Whether systemd has passed one connection, see sd_listen_fds(3). */
static bool has_connection(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    return pid && count && strcmp(count, "1") == 0 && strtol(pid, NULL, 10) == getpid() &&
        option_of_socket(FIRST_PASSED, SO_TYPE) == SOCK_STREAM &&
        option_of_socket(FIRST_PASSED, SO_ACCEPTCONN) == 0;
}

/* ---- the start ------------------------------------------------------------------------------ */

static void thaw(const struct image_use *use)
{
    _cleanup_(freep) struct variables *variables = variables_new();
    struct problem problem;

    if (!variables)
        return;
    signal(SIGPIPE, SIG_IGN); /* as in program_main */
    fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC);
    image_thaw(use, FIRST_PASSED, variables, variables_size(variables), &problem);
}

void quick_start(const char *program, char **argv)
{
    struct image_use use;

    if (!find_options(argv + 1, &use) || !has_connection() || !streams_are_ready(FIRST_PASSED))
        return;
    use.program = program;
    thaw(&use);
}
