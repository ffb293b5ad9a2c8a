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

/* That many modules take some tens of milliseconds to compile. */
enum { MANY_MODULES = 20 };

/* An app that makes itself a daemon closes all that it did not open. */
static void check_descriptors(const struct sockets *before)
{
    streams_open();
    if (sockets_are_open(before))
        return;
    log_line(LOG_ERR, "the import closed file descriptors of the server, including its sockets");
    process_exit(EX_SOFTWARE);
}

static void check_leftovers(const struct sockets *before)
{
    _cleanup_(freep) char *leftovers = fork_safety_describe(before);

    if (leftovers)
        log_line(LOG_WARNING,
            "the import left behind %s: forked workers do not have such threads, and share such "
            "event loops and connections; consider --import=worker",
            leftovers);
}

static void note_directory(struct sources *sources, const char *base, const char *path, size_t size)
{
    char directory[PATH_MAX];

    if (path[0] == '/' || !base)
        snprintf(directory, sizeof(directory), "%.*s", size > 0 ? (int)size : 1, path);
    else
        snprintf(directory, sizeof(directory), "%s/%.*s", base, (int)size, path);
    sources_note_directory(sources, directory);
}

/* Where modules are looked for, which may not be there yet. Relative to --directory, as they will
 * be for the import. */
static void note_search_path(const struct options *options, struct sources *sources)
{
    const char *base = options->directory;
    const char *slash = strrchr(options->application, '/');

    sources_note_directory(sources, base ? base : ".");
    for (size_t i = 0; i < options->python_paths; i++)
        note_directory(sources, base, options->python_path[i], strlen(options->python_path[i]));
    if (slash)
        note_directory(sources, base, options->application, (size_t)(slash - options->application));
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
    process_exit(status);
}

void import_report_bytecode(void)
{
    _cleanup_(bytecode_done) struct bytecode bytecode;

    bytecode_inspect(&bytecode);
    if (bytecode.command && (bytecode.stale > 0 || bytecode.missing >= MANY_MODULES))
        log_line(LOG_WARNING,
            "bytecode is missing for %zu and stale for %zu of %zu modules, which are compiled at "
            "each start; to compile them once, run: %s",
            bytecode.missing, bytecode.stale, bytecode.modules, bytecode.command);
}

void import_in_template(
    const struct options *options, struct worker *worker, struct sources *sources)
{
    _cleanup_(sockets_done) struct sockets before;

    if (sources)
        note_search_path(options, sources);
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
}

void import_in_worker(struct worker *worker)
{
    import(worker);
    if (worker->options->warm_up)
        warm_up(worker);
}
