#pragma once

/* The units of an app: what each kind of activation has of its own. What they share comes from the
 * drop-ins that are shipped for all units named wsgi-once-*. */

#include "generator/app.h"
#include "generator/output.h"

#include <stdbool.h>

/* Writes the socket, its service (or, with Accept=yes, the template of its services), a drop-in for
 * each with what the file says, and the links of [Install]. Failures are reported. user: for a
 * user's service manager. */
void units_write(const struct app *app, bool user, struct output *output);
