#pragma once

/* Observes which source files an import reads. Free of Python types. */

struct observer {
    /* Called with the path of each source file before the file is read, encoded as Python encodes
     * file names. The path is borrowed for the call. Files of the standard library and of installed
     * packages are left out, unless they belong to the app. */
    void (*note)(const char *path, void *data);
    void *data;
    const char *application; /* the app's name, as on the command line */
};

/* Begins to observe. Must be called after python_start; borrows *observer until the process ends.
 * From now on, bytecode of the observed files is neither used nor written: Python would not notice
 * a source that is changed twice within a second and keeps its size. Prints an exception. */
void observe_sources(struct observer *observer);
