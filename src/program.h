#pragma once

/* The program but for its quick start: it needs libpython and libsystemd, and is a library that
 * main() loads.
 *
 * Start reading with program_main() and serve(), at the end of program.c. They read the options;
 * print help or the version, check or freeze the app, or take the sockets; then they serve one
 * request, or run the server, which forks a worker for each request. */

#include "worker/signals.h"

/* signals: whose signals are blocked already. Returns the exit status. */
__attribute__((visibility("default"))) int program_main(
    int argc, char **argv, const struct signal_policy *signals);
