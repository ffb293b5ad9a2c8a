#include "program.h"

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/streams.h"
#include "check.h"
#include "frozen/frozen.h"
#include "log/log.h"
#include "options/help.h"
#include "options/options.h"
#include "options/parse.h"
#include "server/failure.h"
#include "server/server.h"
#include "systemd/activation.h"
#include "systemd/notify.h"
#include "version.h"
#include "worker/signals.h"
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

/* Logs the problem and returns the exit status. */
static int report_problem(int status, const struct problem *problem)
{
    log_line(LOG_ERR, "%s", problem->text);
    log_flush();
    return status;
}

/* ---- printing ------------------------------------------------------------------------------- */

/* Returns the exit status after printing: EX_IOERR if not all of the output was written. */
static int flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) /* an earlier write may have failed */
        return 0;
    log_line(LOG_ERR, "cannot write to standard output: %m");
    return EX_IOERR;
}

static int print_help(void)
{
    options_print_help();
    return flush_output();
}

static int print_version(void)
{
    version_print();
    return flush_output();
}

static int check(const struct options *options)
{
    int status = check_application(options);

    return status != 0 ? status : flush_output();
}

/* The report follows what the import has printed to standard error. */
static int freeze(const struct options *options, char **argv, const struct signal_policy *signals)
{
    int status = frozen_make(options, argv, signals);

    return status != 0 ? status : flush_output();
}

/* ---- serving -------------------------------------------------------------------------------- */

/* Returns the connection that was passed, or accepts one; or -ETIMEDOUT or another -errno. */
static int get_connection(const struct activation *activation, usec_t timeout)
{
    size_t first;

    if (activation->connection >= 0)
        return activation->connection;
    /* Independent processes cannot take turns at the listeners, so each begins at a random one. */
    if (getrandom(&first, sizeof(first), GRND_NONBLOCK) != sizeof(first))
        first = 0;
    /* The client for which systemd has started this process may have disconnected already. */
    return activation_accept(activation, first, -1, deadline_after(timeout));
}

/* Serves one request. Returns the exit status if there was none; otherwise exits. argv: of main().
 */
static int serve_one(const struct options *options, char **argv,
    const struct activation *activation, const struct signal_policy *signals, int failure)
{
    struct worker worker = {.options = options, .failure = failure, .signal_policy = signals};
    int fd = get_connection(activation, options->timeouts.head);

    if (fd == -ETIMEDOUT)
        return failure;
    if (fd < 0) {
        log_line(LOG_ERR, "cannot accept a connection: %s", strerror(-fd));
        failure_answer_clients(activation, NULL);
        return EX_OSERR;
    }
    activation_close(activation);
    notify_disable();
    /* With a listening socket, the next process is started after the end of this one. */
    if (options->image && failure == 0)
        frozen_serve(options, argv, signals, fd, activation->n_listeners == 0);
    worker_end(&worker, worker_serve(&worker, fd));
}

/* Takes the sockets and serves. failure: the exit status because of a problem with the options, or
 * 0. After a problem, clients that wait get an answer: if their connections stayed, systemd would
 * start this process again and again. Returns the exit status. */
static int serve(const struct options *options, char **argv, const struct signal_policy *signals,
    int failure, const struct problem *problem)
{
    _cleanup_(activation_done) struct activation activation = {.connection = -1};
    struct problem activation_problem;

    int status = activation_take(&activation, &activation_problem);
    log_open(); /* standard error may have been replaced */
    streams_secure_input();
    streams_detach_terminal();
    if (failure != 0)
        report_problem(failure, problem);
    else if (status != 0)
        failure = report_problem(status, &activation_problem);
    if (activation.connection < 0 && activation.n_listeners == 0)
        return failure;
    if (activation.connection >= 0 || options->single)
        return serve_one(options, argv, &activation, signals, failure);
    return server_run(options, &activation, &signals->mask, failure);
}

/* ---- the program ---------------------------------------------------------------------------- */

static int read_options(int argc, char **argv, struct options *options, enum options_action *action,
    struct problem *ret_problem)
{
    int r = options_parse(argc, argv, options, action, ret_problem);

    if (r == 0 && (*action == OPTIONS_SERVE || *action == OPTIONS_CHECK))
        r = options_find_users(options, ret_problem);
    return r < 0 ? EX_USAGE : 0;
}

int program_main(int argc, char **argv, const struct signal_policy *signals)
{
    _cleanup_(options_done) struct options options = {0};
    enum options_action action;
    struct problem problem;

    streams_open();
    log_open();
    signal(SIGPIPE, SIG_IGN); /* like Python: output that nobody reads is an error */
    int failure = read_options(argc, argv, &options, &action, &problem);
    log_set_application(options.application);
    if (action != OPTIONS_SERVE)
        sigprocmask(SIG_SETMASK, &signals->mask, NULL);
    switch (action) {
    case OPTIONS_HELP: return print_help();
    case OPTIONS_VERSION: return print_version();
    case OPTIONS_CHECK: return failure ? report_problem(failure, &problem) : check(&options);
    case OPTIONS_SERVE: break;
    }
    if (options.freeze && failure == 0)
        return freeze(&options, argv, signals);
    return serve(&options, argv, signals, failure, &problem);
}
