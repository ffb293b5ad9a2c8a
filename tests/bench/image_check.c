/* Checks an image once, as a process that starts from it does first, and prints the CPU seconds
 * that this took.
 *
 *   image-check LIBRARY IMAGE [ARGUMENT]...
 *
 * LIBRARY is wsgi-once.so, ARGUMENTs are those of wsgi-once. The exit status is 1, with the reason
 * on standard error, if the image does not fit.
 */

#include "base/problem.h"
#include "image/thaw.h"
#include "worker/signals.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct signal_policy signals = {.ignores_stop = false};
    struct problem problem;

    if (argc < 3) {
        fputs("usage: image-check LIBRARY IMAGE [ARGUMENT]...\n", stderr);
        return EX_USAGE;
    }
    /* The state of signals is a part of what is checked. */
    sigprocmask(SIG_BLOCK, NULL, &signals.mask);
    signals_block(&signals);
    signal(SIGPIPE, SIG_IGN);
    struct image_use use = {.program = argv[1], .path = argv[2], .arguments = argv + 3};
    double before = cpu_seconds();
    int r = image_check(&use, &problem);
    double after = cpu_seconds();
    if (r != 0) {
        fprintf(stderr, "image-check: '%s' does not fit: %s\n", use.path, problem.text);
        return 1;
    }
    printf("%.9f\n", after - before);
    return 0;
}
