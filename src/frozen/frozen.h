#pragma once

/* Images: `wsgi-once --freeze` makes one, and a process with --image starts from it.
 *
 * An image is the memory of a process at the moment right after the fork that makes a worker. A
 * process that starts from it continues there, and cannot be told from a forked worker. */

#include "options/options.h"
#include "worker/signals.h"

#include <stdbool.h>

/* Imports the app in a process of its own, writes its image to options->freeze, and prints to
 * standard output what it contains. argv: of main(). Returns 0, or an exit status of sysexits(3)
 * after logging why there is no image. Blocks until the import has ended, or --import-timeout has
 * passed. In a process that starts from the image, serves its connection, and does not return. */
int frozen_make(const struct options *options, char **argv, const struct signal_policy *signals);

/* Serves the connection in the process of the image options->image, which takes the place of this
 * one; does not return then. Returns, with everything as before, if the image is missing or does
 * not fit, after logging why.
 *
 * Then, if may_make, this process may write the image and a new one would help, it forks, and
 * returns in the child, which serves the connection. This process waits for it, and then makes an
 * image unless another process does; so no client waits for that, unless it waits for the end of
 * this process. It exits as the child has. argv: of main(). */
void frozen_serve(const struct options *options, char **argv, const struct signal_policy *signals,
    int connection, bool may_make);
