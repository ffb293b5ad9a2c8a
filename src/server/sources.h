#pragma once

/* The sources of the app, for --reload: which ones an import has read, or would have read had they
 * been there, and what was in them then.
 *
 * The template notes them, before each is read, in memory that it shares with the server; so they
 * are known of an import that fails, or dies, too. They are compared by what is in them and not by
 * their times alone: those of a file that is written twice within a tick of the kernel's clock are
 * the same.
 */

#include <stddef.h>
#include <stdint.h>

struct sources {
    int fd;         /* the shared memory, or -1 */
    char *paths;    /* on the heap, each ended by a NUL: directories, and files of unusual names */
    size_t size;    /* of `paths` */
    uint64_t state; /* what was in them: a hash */
};

#define SOURCES_NONE ((struct sources){.fd = -1})

/* Makes the shared memory. Returns 0 or -errno. */
int sources_init(struct sources *ret);
void sources_done(struct sources *sources);

/* In the template: notes a source file that is about to be read, with all others of its directory;
 * or a directory. Relative paths are taken from where the process is now. Without effect after
 * sources_done. `data` is a struct sources. */
void sources_note(const char *path, void *data);
void sources_note_directory(struct sources *sources, const char *path);

/* In the server: takes in what the template has noted. */
void sources_load(struct sources *sources);

/* What is in these files and directories now: other than `state` if anything has changed. */
uint64_t sources_look(const struct sources *sources);
