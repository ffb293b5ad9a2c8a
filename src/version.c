#include "version.h"

#include "wsgi/python.h"

#include <stdio.h>
#include <string.h>

#ifdef __clang__
#    define COMPILER __VERSION__ /* "Clang 14.0.6" */
#else
#    define COMPILER "gcc " __VERSION__
#endif

/* The differences between builds, from the predefined macros of the compiler. */
static const char build_options[] =
#ifdef __OPTIMIZE__
    " optimized"
#endif
#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
    " fortified"
#endif
#ifdef __SSP_STRONG__
    " stack-protector"
#endif
#ifdef __PIC__
    " PIE"
#endif
#ifdef __SANITIZE_ADDRESS__
    " sanitized"
#endif
    "";

void version_print(void)
{
    const char *running = python_running_version();

    printf("wsgi-once " VERSION "\n"
           "Python       %.*s, built for %s: " PYTHON_EXECUTABLE "\n"
           "systemd      libsystemd " LIBSYSTEMD_VERSION "\n"
           "build        " COMPILER ",%s\n",
        (int)strcspn(running, " "), running, python_version(), build_options);
}
