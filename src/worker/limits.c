#include "worker/limits.h"

#include <errno.h>
#include <sys/resource.h>

/* A limit above the present hard limit is no error: the hard limit, which is lower, stays. */
static int set_resource(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -errno;
    if (hard < limit.rlim_max)
        limit.rlim_max = hard;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/* In whole seconds, rounded up. The hard limit, which kills, is a second later, in case SIGXCPU is
 * ignored. */
static int set_processor_time(usec_t time)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return -errno;
    usec_t used = (usec_t)usage.ru_utime.tv_usec + (usec_t)usage.ru_stime.tv_usec;
    rlim_t seconds = (rlim_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    seconds += (used + time + USEC_PER_SEC - 1) / USEC_PER_SEC;
    return set_resource(RLIMIT_CPU, seconds, seconds + 1);
}

int limits_set(const struct resource_limits *limits, const char **ret_option)
{
    const struct {
        const char *option;
        int resource;
        uint64_t value;
    } simple[] = {
        {"--limit-memory", RLIMIT_DATA, limits->memory},
        {"--limit-files", RLIMIT_NOFILE, limits->files},
        {"--limit-processes", RLIMIT_NPROC, limits->processes},
    };

    *ret_option = "--limit-cpu";
    int r = limits->cpu > 0 ? set_processor_time(limits->cpu) : 0;
    for (size_t i = 0; r == 0 && i < sizeof(simple) / sizeof(simple[0]); i++) {
        *ret_option = simple[i].option;
        if (simple[i].value > 0)
            r = set_resource(simple[i].resource, simple[i].value, simple[i].value);
    }
    return r;
}
