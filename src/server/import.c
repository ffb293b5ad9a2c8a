#include "server/import.h"

#include "base/cleanup.h"
#include "base/streams.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "server/fork_safety.h"
#include "server/warm_up.h"
#include "worker/process_exit.h"
#include "wsgi/bytecode.h"
#include "wsgi/python.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Compiling this many modules takes some tens of milliseconds. */
enum { MANY_MODULES = 20 };

/* An app that turns itself into a daemon closes descriptors that it did not open. */
static void check_descriptors(const struct fork_safety *before)
{
    streams_open();
    if (fork_safety_has_sockets(before))
        return;
    log_line(LOG_ERR,
        "the import has closed descriptors that are not its own, the sockets of the server "
        "among them");
    process_exit(EX_SOFTWARE);
}

static void check_fork_safety(const struct fork_safety *before)
{
    _cleanup_(freep) char *leftovers = fork_safety_describe(before);

    if (leftovers)
        log_line(LOG_WARNING,
            "the import left behind %s: workers are forked, so they have no such threads and "
            "share such event loops and connections; consider --import=worker",
            leftovers);
}

static void record_directory(
    struct sources *sources, const char *base, const char *path, size_t size)
{
    char directory[PATH_MAX];

    if (path[0] == '/' || !base)
        snprintf(directory, sizeof(directory), "%.*s", size > 0 ? (int)size : 1, path);
    else
        snprintf(directory, sizeof(directory), "%s/%.*s", base, (int)size, path);
    sources_note_directory(sources, directory);
}

/* Records the directories in which the import looks for modules, even those that do not exist yet.
 * Relative paths refer to --directory, as in the import. */
static void record_search_path(const struct options *options, struct sources *sources)
{
    const char *base = options->directory;
    const char *slash = strrchr(options->application, '/');

    sources_note_directory(sources, base ? base : ".");
    for (size_t i = 0; i < options->python_paths; i++)
        record_directory(sources, base, options->python_path[i], strlen(options->python_path[i]));
    if (slash)
        record_directory(
            sources, base, options->application, (size_t)(slash - options->application));
}

/* Starts Python and imports the app. Ends the process if that fails. */
static void import(struct worker *worker)
{
    _cleanup_(freep) char *problem = NULL;
    int status = worker_load(worker, &problem);

    if (status == 0)
        return;
    log_event(
        LOG_ERR, MESSAGE_ID_IMPORT_FAILED, NULL, 0, "%s", problem ? problem : "out of memory");
    process_exit(status);
}

void import_report_bytecode(void)
{
    _cleanup_(bytecode_done) struct bytecode bytecode;

    bytecode_inspect(&bytecode);
    if (bytecode.command && (bytecode.stale > 0 || bytecode.missing >= MANY_MODULES))
        log_line(LOG_WARNING,
            "bytecode is missing for %zu and stale for %zu of %zu modules, which each start "
            "compiles again; to mend that: %s",
            bytecode.missing, bytecode.stale, bytecode.modules, bytecode.command);
}

void import_in_template(
    const struct options *options, struct worker *worker, struct sources *sources)
{
    _cleanup_(fork_safety_done) struct fork_safety before;

    if (sources)
        record_search_path(options, sources);
    fork_safety_init(&before);
    import(worker);
    check_descriptors(&before);
    if (options->warm_up) {
        warm_up(worker);
        python_freeze();
    }
    python_flush(); /* or each forked process would write it again */
    fflush(NULL);
    check_fork_safety(&before);
}

void import_in_worker(struct worker *worker)
{
    import(worker);
    if (worker->options->warm_up)
        warm_up(worker);
}
