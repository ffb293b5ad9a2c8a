#pragma once

/* The units of an app. They hold what differs by app and activation; the rest comes from the
 * shipped drop-ins for all units named wsgi-once-*. */

#include "generator/app.h"
#include "generator/output.h"

#include <stdbool.h>

/* Writes the socket unit, its service unit (with Accept=yes a template unit), a drop-in for each
 * with the sections of the file, and the links of [Install]. Reports errors. user: for a user's
 * service manager. */
void units_write(const struct app *app, bool user, struct output *output);
