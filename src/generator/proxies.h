#pragma once

/* Checks front servers that are trusted by their user. */

#include "generator/app.h"

/* Reports each TrustedProxy=unix:USER that the program will refuse when it starts, because
 * PrivateUsers= makes that user look like others. PrivateUsers= is that of the file, or else of the
 * shipped drop-ins. user: for a user's service manager. Does not check that the user exists:
 * systemd-sysusers(8) or a directory service may provide it later. */
void proxies_check(const struct app *app, bool user, struct diagnostics *diagnostics);
