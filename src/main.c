/* wsgi-once: serves one WSGI request per process, on a socket that systemd or inetd owns.
 *
 * To load libpython and libsystemd takes longer than to start from an image. So this file, which
 * needs neither, first tries to do that (quick.c). Otherwise it loads everything else (program.c)
 * from the library that was built and installed with it, and continues there.
 */

#include "quick.h"
#include "worker/signals.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef int program(int argc, char **argv, const struct signal_policy *signals);

/* A library is missing, as for the dynamic linker: units restart the service after a pause. */
#define EXIT_NOT_LOADED 127

/* Extension modules of Python look for its symbols among those of all libraries. Returns NULL after
 * printing why. */
static program *load_program(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    void *symbol = library ? dlsym(library, "program_main") : NULL;
    program *result = NULL;

    if (!symbol)
        fprintf(stderr, "wsgi-once: cannot load the program: %s\n", dlerror());
    memcpy(&result, &symbol, sizeof(result)); /* ISO C does not convert between the two */
    return result;
}

int main(int argc, char **argv)
{
    struct signal_policy signals = {.ignores_stop = false};
    char path[PATH_MAX];

    /* The signals of a reload must not kill this process, those of a stop may. This comes first,
     * because what follows may take a while. (A signal that arrives before main still kills.) */
    sigprocmask(SIG_BLOCK, NULL, &signals.mask);
    signals_block(&signals);
    quick_find_program(path);
    quick_start(path, argv);
    program *run = load_program(path);
    return run ? run(argc, argv, &signals) : EXIT_NOT_LOADED;
}
