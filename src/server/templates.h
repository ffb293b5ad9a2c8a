#pragma once

/* The templates of the server: starts them, reads what they send, replaces and retires them. */

#include "server/server_state.h"

/* Starts a template. failure: if not 0, it answers 500 because of this exit status. Returns 0; or
 * -errno, and *ret is untouched. */
int templates_start(struct server *server, int failure, struct template *ret);

/* Returns the template with this process, be it the current, the next or an old one; or NULL. */
struct template *templates_find(struct server *server, pid_t pid);

/* Whether a template is importing the app or waits for its first worker. */
bool templates_are_importing(const struct server *server);

/* Reads a message of the current or the next template, and acts on it. */
void templates_read_message(struct server *server, struct template *template);

/* Before the control socket of a template is closed: takes the leftovers that it has reported. What
 * it sends from now on fails, so that it kills further leftovers itself. */
void templates_drain_control(struct server *server, const struct template *template);

/* Makes a template exit, and keeps it among the old ones until it has. */
void templates_retire(struct server *server, struct template *template);

/* Starts a template with the new app, while the current one keeps serving. If an import is in
 * progress already, it does so once that has ended. */
void templates_reload(struct server *server);

/* To be called after a switch to a new template: reports that the reload is done once no client can
 * reach the old app any more. */
void templates_finish_reload(struct server *server);
