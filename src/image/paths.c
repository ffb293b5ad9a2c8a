#include "image/paths.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool paths_is_below(const char *path, const char *directory)
{
    size_t size = strlen(directory);

    return strncmp(path, directory, size) == 0 && (path[size] == '/' || path[size] == '\0') &&
        !strstr(path + size, "/..");
}

bool paths_is_through_process(const char *path)
{
    static const char names[][8] = {"/cwd/", "/root/", "/fd/"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && paths_is_below(path, "/proc"); i++) {
        const char *found = strstr(path, names[i]);
        if (found && (names[i][1] != 'f' || strchr(found + strlen(names[i]), '/')))
            return true;
    }
    return strncmp(path, "/dev/fd/", 8) == 0 && strchr(path + 8, '/');
}

bool paths_is_made_up(const char *path)
{
    return paths_is_below(path, "/proc") || paths_is_below(path, "/sys") ||
        (paths_is_below(path, "/dev") && !paths_is_below(path, "/dev/shm"));
}

/* Puts the target in place of the link, which is in the path from `name` to `end`. */
static void splice(char *path, size_t name, size_t end, const char *target)
{
    char rest[PATHS_ROOM];
    size_t begin = target[0] == '/' ? 0 : name;

    snprintf(rest, sizeof(rest), "%s", path + end);
    snprintf(path + begin, PATHS_ROOM - begin, "%s%s", target, rest);
}

bool paths_follow_link(char path[static PATHS_ROOM], char ret_link[static PATHS_ROOM])
{
    char target[PATH_MAX];

    for (size_t name, end = 0; path[end];) {
        name = end + strspn(path + end, "/");
        end = name + strcspn(path + name, "/");
        snprintf(ret_link, PATHS_ROOM, "%.*s", (int)end, path);
        ssize_t size = readlink(ret_link, target, sizeof(target) - 1);
        if (size < 0)
            continue;
        target[size] = '\0';
        splice(path, name, end, target);
        return true;
    }
    return false;
}
