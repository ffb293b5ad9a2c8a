#pragma once

/* Writes an image of this process, to continue from in other processes. */

#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct problem;

/* Memory that a process shares with the one that it forks to be frozen. It is not in the image. */
struct freezer;

/* What the forked process reports, valid in both processes once it has returned. */
struct freeze_report {
    uint64_t size; /* of the file, in bytes */
    uint64_t pages, mappings, files;
    uint64_t paths; /* that it depends on */
};

/* Whether this build can make images. */
bool freeze_is_supported(void);

/* Returns NULL with errno. It is unmapped when the process ends. */
struct freezer *freezer_new(void);
const struct freeze_report *freezer_report(const struct freezer *freezer);
/* Removes what a process that did not complete its file has left, however it has ended. */
void freezer_remove_new(struct freezer *freezer);
/* Why image_freeze failed; its text is empty if the process was killed. */
const struct problem *freezer_problem(const struct freezer *freezer);

/* Whether the memory of this process, which has imported the app, can be in an image. Makes memory
 * readable that is not. Returns 0, or 1 with *ret_problem. */
int freezer_check_memory(struct freezer *freezer, struct problem *ret_problem);

/* Writes to the path, in place of an image, why there is none: so that not each process tries
 * again. It is valid for an hour, if the dependencies are as they were. Returns 0 or -1. */
int freezer_write_refusal(
    struct freezer *freezer, const char *path, struct slice dependencies, const char *reason);

/* Call it in a process that was forked for it, which has one thread, and all signals blocked.
 * Writes the image to a new file beside the path, with mode 0600, then renames it. dependencies: a
 * record (dependencies.h). importer: the process that has imported the app.
 *
 * Like setjmp(3), it returns several times. In this process: 0, or -1 if there is no image (see
 * freezer_problem). In each process that thaws the image: 1, with what image_thaw was given in
 * *ret_message; the caller must free that with munmap(2) later. There, memory, descriptors, the
 * working directory and the umask are as they were: the caller restores the rest (state.h), while
 * all signals are blocked. */
int image_freeze(struct freezer *freezer, const char *path, struct slice dependencies,
    pid_t importer, void **ret_message);
