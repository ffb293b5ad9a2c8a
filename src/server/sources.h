#pragma once

/* The source files of the app, for --reload: which ones an import reads, or would read if they
 * existed, and a hash of what they contain.
 *
 * The template records a file before it is read, in memory that it shares with the server. So the
 * server knows the sources of an import that fails or crashes, too. The hash covers the content and
 * not only the times: a file that is written twice within one tick of the kernel's clock keeps its
 * times.
 */

#include <stddef.h>
#include <stdint.h>

struct sources {
    int fd;         /* the shared memory, or -1 */
    char *paths;    /* on the heap: strings, of directories and of files with an unusual suffix */
    size_t size;    /* of `paths`, in bytes */
    uint64_t state; /* hash of what they contained when they were recorded */
};

#define SOURCES_NONE ((struct sources){.fd = -1})

/* Creates the shared memory. Returns 0 or -errno. */
int sources_init(struct sources *ret);
void sources_done(struct sources *sources);

/* In the template: records a source file that is about to be read, together with all other sources
 * in its directory; or records a directory. Relative paths refer to the current working directory.
 * Both do nothing after sources_done. `data` is a struct sources. */
void sources_record_file(const char *path, void *data);
void sources_record_directory(struct sources *sources, const char *path);

/* In the server, once: loads what the template has recorded. */
void sources_load(struct sources *sources);

/* Hashes what these files and directories contain now. The result differs from `state` if anything
 * has changed. */
uint64_t sources_hash(const struct sources *sources);
