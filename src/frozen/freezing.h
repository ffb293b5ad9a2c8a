#pragma once

/* The processes of --freeze: the one that imports the app, and the one that it forks, whose memory
 * is the image. */

#include "base/slice.h"
#include "options/options.h"
#include "worker/signals.h"

#include <stdbool.h>

struct freezer;

/* In a process that was forked for it: finds out what the import depends on, imports the app, and
 * writes its image to options->freeze. Exits with 0, or with an exit status of sysexits(3) after
 * logging why there is no image. keep_refusal: then writes the reason to that file, if it may be
 * the same next time (freezing_write_refusal). argv: of main().
 *
 * The process that starts from the image continues in here, too: it serves the connection. */
_Noreturn void freezing_main(const struct options *options, char **argv,
    const struct signal_policy *signals, struct freezer *freezer, bool keep_refusal);

/* Writes to options->freeze why there is no image. record: what the import depends on; it is empty
 * if that is not known. arguments: of the program, without its name. */
void freezing_write_refusal(const struct options *options, char *const *arguments,
    struct freezer *freezer, struct slice record, const char *reason);
