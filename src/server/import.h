#pragma once

/* Imports the app, in either place of --import.
 *
 * With --warm-up, one request that no client has sent follows: the app does before the fork what it
 * would otherwise do at its first request. If the import fails, both functions log why and end the
 * process with the exit status for that. */

#include "options/options.h"
#include "server/sources.h"
#include "worker/worker.h"

/* In the process that workers are forked from. Warns about what the import has left behind that
 * forked workers cannot use, and flushes all buffered output. Records the sources that the import
 * may read in `sources`, unless that is NULL. */
void import_in_template(
    const struct options *options, struct worker *worker, struct sources *sources);

/* After import_in_template: if a module has stale bytecode, or many have none, warns how many of
 * them each start compiles again, and how to prevent it. An app of a few files needs no bytecode.
 */
void import_report_bytecode(void);

/* In one worker, for itself only. */
void import_in_worker(struct worker *worker);
