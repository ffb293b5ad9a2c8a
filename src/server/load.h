#pragma once

/* Importing the app, in either of the places of --import, with the warm-up. Both functions log why
 * that fails, and end the process with the exit status that says so. */

#include "options.h"
#include "server/sources.h"
#include "worker.h"

/* Before workers are forked: what the import has left behind that they should not have is logged,
 * and what is held in buffers is written. `sources`, or NULL, is where those are noted that may be
 * read. */
void load_in_template(
    const struct options *options, struct worker *worker, struct sources *sources);

/* Logs how many modules each start compiles again, and what mends it, if one of them has stale
 * bytecode, or many have none: an app of a few files works well without. After load_in_template. */
void load_tell_bytecode(void);

/* For this worker only. */
void load_in_worker(struct worker *worker);
