#pragma once

/* Standard input, output and error. */

/* Opens those that are closed: the next open(2) would take their place, and then be printed to. */
void streams_open(void);
