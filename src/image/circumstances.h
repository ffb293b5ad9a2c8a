#pragma once

/* What a start gives to a process besides files: its options, its environment, and a few facts that
 * an import may ask for, such as the working directory. */

#include <stdbool.h>
#include <stddef.h>

/* Whether an import may depend on the variable "NAME=VALUE". Those that differ with each start by
 * design do not count: sockets, ids of the start, of processes and of the connection, and paths
 * that contain the name of the unit, which with Accept=yes numbers the connections. The list is in
 * circumstances.c; systemd.exec(5) explains most of them. */
bool circumstances_has_variable(const char *variable);

/* Returns the first option of the NULL-terminated arguments that counts and moves *arguments after
 * it; NULL at the end. Not counted: --image, --freeze and --image-max-age with their values, since
 * they do not reach the app. Abbreviations of these count: such a start never fits, and imports. */
const char *circumstances_next_option(char *const **arguments);

/* The facts: working directory, user, groups and capabilities, umask, resource limits, host and
 * kernel, number of processors and their features, ignored and blocked signals, and which standard
 * streams are terminals. Signals have to be as main() has found or set them, and the streams those
 * of serving. */
enum { CIRCUMSTANCES_FACTS = 10, CIRCUMSTANCES_FACT_SIZE = 4096 + 64 };

/* Writes the fact of this process with the number, as a string "NAME=VALUE", where NAME is for
 * people. Writes "NAME=?" if it cannot be found out: that fits nothing, not even itself, see
 * circumstances_is_known. Allocates nothing. */
void circumstances_get_fact(size_t number, char ret_fact[CIRCUMSTANCES_FACT_SIZE]);
bool circumstances_is_known(const char *fact);
