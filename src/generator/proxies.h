#pragma once

/* Front servers that are trusted by their user, in a service that cannot tell users apart. */

#include "generator/app.h"

/* Reports each TrustedProxy=unix:USER that the program will refuse at its start, because
 * PrivateUsers= makes all users look alike: what the file says of it, or else what the drop-ins say
 * that are shipped. user: for a user's service manager. Whether there is such a user is not asked:
 * systemd-sysusers(8) or a directory service may provide it later. */
void proxies_check(const struct app *app, bool user, struct diagnostics *diagnostics);
