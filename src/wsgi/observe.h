#pragma once

/* Which files an import reads. Free of Python types. */

struct observer {
    /* Is told of each source file before it is read, the path being as Python has it. Those of the
     * standard library and of installed packages are left out, unless they are the app's. */
    void (*note)(const char *path, void *data);
    void *data;
    const char *application; /* as --help names it */
};

/* Begins to observe, in an interpreter that was started; *observer stays where it is. From now on
 * no bytecode that was kept of such files is run, or kept: it counts as that of a source that was
 * changed within a second and has kept its size. A failure is printed. */
void observe_sources(struct observer *observer);
