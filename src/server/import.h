#pragma once

/* Importing the app, in either of the places of --import, with the warm-up. Both functions log why
 * that fails, and end the process with the exit status that says so. */

#include "options/options.h"
#include "server/sources.h"
#include "worker/worker.h"

/* Before workers are forked: what the import has left behind that they should not have is logged,
 * and what is held in buffers is written. `sources`, or NULL, is where those are noted that may be
 * read. */
void import_in_template(
    const struct options *options, struct worker *worker, struct sources *sources);

/* Logs how many modules each start compiles again, and what mends it, if one of them has stale
 * bytecode, or many have none: an app of a few files works well without. After import_in_template.
 */
void import_report_bytecode(void);

/* For this worker only. */
void import_in_worker(struct worker *worker);
