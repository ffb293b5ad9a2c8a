/* wsgi-once: one WSGI request per process, on a socket that systemd or inetd owns.
 *
 * The table of contents: read the options, take the sockets; serve one request, or be the server
 * that forks a worker for each. Or only try whether the app can be loaded.
 */

#include "activation.h"
#include "check.h"
#include "cleanup.h"
#include "log.h"
#include "options.h"
#include "server/notify.h"
#include "server/server.h"
#include "streams.h"
#include "version.h"
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

static int fail(int status, char *problem)
{
    log_line(LOG_ERR, "%s", problem ? problem : "out of memory");
    log_settle();
    return status;
}

/* What was printed has arrived, or that is an error. */
static int finish_printing(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    log_line(LOG_ERR, "cannot write to standard output: %m");
    return EX_IOERR;
}

static int print_version(void)
{
    version_print();
    return finish_printing();
}

static int print_help(void)
{
    options_print_help();
    return finish_printing();
}

/* Processes that know nothing of each other cannot take turns at the listeners. */
static size_t random_number(void)
{
    size_t number;

    return getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number) ? number : 0;
}

/* The connection to serve: handed over, or the first one that comes. Returns it, -ETIMEDOUT or
 * another -errno. */
static int get_connection(const struct activation *activation, const struct options *options)
{
    if (activation->connection >= 0)
        return activation->connection;
    /* systemd starts this process because a client is there; it may have gone again. */
    return activation_accept(
        activation, random_number(), -1, deadline_after(options->head_timeout));
}

static int serve_one(const struct options *options, const struct activation *activation)
{
    struct worker worker = {.options = options};
    int fd = get_connection(activation, options);

    if (fd == -ETIMEDOUT)
        return 0;
    if (fd < 0) {
        log_line(LOG_ERR, "cannot accept a connection: %s", strerror(-fd));
        return EX_OSERR;
    }
    activation_close(activation);
    notify_forget();
    worker_end(&worker, worker_serve(&worker, fd));
}

static int serve(const struct options *options)
{
    _cleanup_(activation_done) struct activation activation = {.connection = -1};
    _cleanup_(freep) char *problem = NULL;

    int status = activation_take(&activation, &problem);
    if (status != 0)
        return fail(status, problem);
    log_open(); /* standard error may be another one now */
    if (activation.connection >= 0 || options->single)
        return serve_one(options, &activation);
    return server_run(options, &activation);
}

int main(int argc, char **argv)
{
    _cleanup_(options_done) struct options options = {0};
    enum options_action action;
    _cleanup_(freep) char *problem = NULL;

    streams_open();
    log_open();
    signal(SIGPIPE, SIG_IGN); /* as Python does: what nobody reads is an error, not the end */
    if (options_parse(argc, argv, &options, &action, &problem) < 0)
        return fail(EX_USAGE, problem);
    switch (action) {
    case OPTIONS_HELP: return print_help();
    case OPTIONS_VERSION: return print_version();
    case OPTIONS_CHECK:
    case OPTIONS_SERVE: break;
    }
    if (options_find_users(&options, &problem) < 0)
        return fail(EX_USAGE, problem);
    log_set_application(options.application);
    return action == OPTIONS_CHECK ? check_application(&options) : serve(&options);
}
