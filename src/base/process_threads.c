#include "base/process_threads.h"

#include <dirent.h>
#include <poll.h>

static size_t count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;

    while (directory && (entry = readdir(directory)))
        count += entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

size_t process_count_threads(void)
{
    size_t count = count_threads();

    for (int i = 0; i < 50 && count > 1; i++) {
        poll(NULL, 0, 2);
        count = count_threads();
    }
    return count;
}
