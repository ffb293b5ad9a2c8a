#pragma once

/* Imports the app, in the template or in each worker (--import).
 *
 * With --warm-up, one request that no client has sent follows: the app does before the fork what it
 * would otherwise do at its first request.
 *
 * The functions block until that is done. They return 0 or, after logging why the import has
 * failed, an exit status of sysexits(3). A warm-up that fails is only logged. */

#include "server/sources.h"
#include "worker/worker.h"

/* Imports the app in the process from which workers are forked. Warns about what the import has
 * left behind that forked workers cannot use, and flushes all buffered output. Records the sources
 * that the import may read in `sources`, unless that is NULL. */
int import_in_template(struct worker *worker, struct sources *sources);

/* The same for an image, which is not made if the import has left behind such things. */
int import_for_image(struct worker *worker);

/* After import_in_template: if a module has stale bytecode, or many have none, warns how many of
 * them each start compiles again, and how to prevent it. An app of a few files needs no bytecode.
 */
void import_report_bytecode(void);

/* Imports the app in a worker, for that worker only. */
int import_in_worker(struct worker *worker);
