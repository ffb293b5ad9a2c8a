#include "options/options.h"

#include <stdlib.h>

void options_done(struct options *options)
{
    free(options->python_path);
    free(options->trust.proxies);
    options->python_path = NULL;
    options->trust = (struct trust){0};
}
