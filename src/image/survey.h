#pragma once

/* Finds out what an import depends on, before the import that is to be frozen.
 *
 *     r = survey_run(import, data, &survey, &problem);     imports in children, under watch.h
 *     ... the same import in this process ...
 *     r = dependencies_check(survey.record, arguments, environment, &problem);
 *     ... freeze this process, with the record; then survey_done(&survey)
 *
 * The check after the second import is essential: it shows that the second one has found all files
 * as the first one did.
 *
 * What this cannot know, and the manual has to say: what an import learns from the network, the
 * clock, random numbers, from other processes, or from /proc and /sys (memory limits of a control
 * group, say); what it would do only sometimes; files that it asks other processes for; the
 * interpreter of a program that it runs (the ELF loader, or what "#!" names); whether a file can be
 * written; and stores through a mapping that the kernel has not noticed yet. A database that is
 * opened for writing is a file like any other here: a change makes the image unfit. */

#include "base/deadline.h"
#include "image/recorder.h"

enum { SURVEY_IMPORT_FAILED = 1 };

/* The import, as the child runs it: from the start of the interpreter on, and with the same side
 * effects as an import has that is not frozen. */
struct survey_task {
    int (*import)(void *data); /* returns an exit status */
    void *data;
    char *const *arguments;   /* see dependencies_check */
    char *const *environment; /* what the import begins with */
    usec_t deadline;          /* for the whole survey; DEADLINE_NEVER: none */
};

struct survey {
    struct slice record; /* borrows from the recorder */
    struct recorder recorder;
    int status; /* of the last child, as of waitpid(2) */
};

/* Imports until an import changes nothing that it looks at, which the second one does at the latest
 * if the first one writes bytecode or fills a cache. Gives up after the third.
 *
 * Returns 0 and the record, or SURVEY_IMPORT_FAILED, or -errno with a problem. Call survey_done in
 * any case. Blocks for as long as the imports do. */
int survey_run(
    const struct survey_task *task, struct survey *ret_survey, struct problem *ret_problem);
void survey_done(struct survey *survey);
