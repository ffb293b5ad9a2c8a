#pragma once

/* Finds out what an import depends on, before the import that is to be frozen.
 *
 *     r = survey_run(&task, &survey, &problem);     imports in children, see watch.h
 *     ... the same import in this process ...
 *     r = dependencies_check_paths(survey.record, &problem);
 *     ... freeze this process, with the record; then survey_done(&survey)
 *
 * The check after the second import is essential: it shows that all files were then as the first
 * one has found them.
 *
 * What this cannot know, and the manual has to say: what an import learns from the network, the
 * clock, random numbers, other processes, or from /proc and /sys (the memory limit of a control
 * group, say); what it does only sometimes; whether a file can be written; stores through a mapping
 * that the kernel has not noticed yet; and changes that a network file system tells of later.
 *
 * What it takes for a change although it may be none: any change of a file that is opened for
 * reading and writing, such as a database, and any new name in a directory that was listed, such as
 * a file that a request leaves beside the app's modules. */

#include "base/deadline.h"
#include "image/recorder.h"

enum { SURVEY_IMPORT_FAILED = 1 };

/* The import, as the child runs it, from the start of the interpreter on. If the function runs the
 * program again with execve(2), the record has what the dynamic loader looks for, too. Side effects
 * of the import happen each time. */
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
 * Returns 0 and the record; or, without one, SURVEY_IMPORT_FAILED, or -errno with a problem. Call
 * survey_done in any case. Blocks for as long as the imports do. */
int survey_run(
    const struct survey_task *task, struct survey *ret_survey, struct problem *ret_problem);
void survey_done(struct survey *survey);
