#include "server/load.h"

#include "cleanup.h"
#include "leave.h"
#include "log.h"
#include "message_ids.h"
#include "server/leftovers.h"
#include "server/warm_up.h"
#include "server/watch.h"
#include "streams.h"
#include "wsgi/bytecode.h"
#include "wsgi/python.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* That many modules take some tens of milliseconds to compile. */
enum { MANY_MODULES = 20 };

/* An app that makes itself a daemon closes all that it did not open. */
static void check_descriptors(const struct sockets *before)
{
    streams_open();
    if (sockets_are_open(before))
        return;
    log_line(LOG_ERR,
        "the import has closed descriptors that are not its own, the sockets of the server "
        "among them");
    leave(EX_SOFTWARE);
}

static void check_leftovers(const struct sockets *before)
{
    _cleanup_(freep) char *leftovers = leftovers_describe(before);

    if (leftovers)
        log_line(LOG_WARNING,
            "the import left behind %s: workers are forked, so they have no such threads and "
            "share such event loops and connections; consider --import=worker",
            leftovers);
}

/* before: when the import began; what has changed since then may have been read too early. */
static int watch_sources(const struct timespec *before, bool *ret_changed)
{
    _cleanup_(freep) char *directories = python_list_source_directories();

    int fd = directories ? watch_open(directories) : -ENOENT;
    if (fd < 0)
        log_line(LOG_WARNING, "--reload: cannot watch the sources: %s", strerror(-fd));
    else
        *ret_changed = python_sources_are_newer(before);
    return fd;
}

/* Starts Python and imports the app. Leaves when that fails. */
static void import(struct worker *worker)
{
    _cleanup_(freep) char *problem = NULL;
    int status = worker_load(worker, &problem);

    if (status == 0)
        return;
    log_event(
        LOG_ERR, MESSAGE_ID_IMPORT_FAILED, NULL, 0, "%s", problem ? problem : "out of memory");
    leave(status);
}

void load_tell_bytecode(void)
{
    _cleanup_(bytecode_done) struct bytecode bytecode;

    bytecode_inspect(&bytecode);
    if (bytecode.command && (bytecode.stale > 0 || bytecode.missing >= MANY_MODULES))
        log_line(LOG_WARNING,
            "bytecode is missing for %zu and stale for %zu of %zu modules, which each start "
            "compiles again; to mend that: %s",
            bytecode.missing, bytecode.stale, bytecode.modules, bytecode.command);
}

int load_in_template(const struct options *options, struct worker *worker, bool *ret_changed)
{
    _cleanup_(sockets_done) struct sockets before;
    struct timespec began;

    clock_gettime(CLOCK_REALTIME_COARSE, &began);
    sockets_init(&before);
    import(worker);
    check_descriptors(&before);
    if (options->warm_up) {
        warm_up(worker);
        python_freeze();
    }
    python_flush(); /* forked processes are not to repeat it */
    fflush(NULL);
    check_leftovers(&before);
    return options->reload ? watch_sources(&began, ret_changed) : -1;
}

void load_in_worker(struct worker *worker)
{
    import(worker);
    if (worker->options->warm_up)
        warm_up(worker);
}
