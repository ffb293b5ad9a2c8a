/* wsgi-once: one WSGI request per process, on a socket that systemd or inetd owns.
 *
 * The table of contents: read the options, take the sockets; serve one request, or be the server
 * that forks a worker for each. Or only try whether the app can be loaded.
 */

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/streams.h"
#include "check.h"
#include "log/log.h"
#include "options/options.h"
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

static int fail(int status, const struct problem *problem)
{
    log_line(LOG_ERR, "%s", problem->text);
    log_flush();
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
        activation, random_number(), -1, deadline_after(options->timeouts.head));
}

static int serve_one(const struct options *options, const struct activation *activation,
    const struct signal_policy *survival, int failure)
{
    struct worker worker = {.options = options, .failure = failure, .signal_policy = survival};
    int fd = get_connection(activation, options);

    if (fd == -ETIMEDOUT)
        return failure;
    if (fd < 0) {
        log_line(LOG_ERR, "cannot accept a connection: %s", strerror(-fd));
        failure_answer_clients(activation, NULL);
        return EX_OSERR;
    }
    activation_close(activation);
    notify_disable();
    worker_end(&worker, worker_serve(&worker, fd));
}

/* failure: the exit status because of a problem with the options, or 0. If there are sockets, it is
 * the clients' problem, too: they are told, because one that nobody takes away would make systemd
 * start this process again and again. */
static int serve(const struct options *options, const struct signal_policy *survival, int failure,
    const struct problem *problem)
{
    _cleanup_(activation_done) struct activation activation = {.connection = -1};
    struct problem own_problem;

    int status = activation_take(&activation, &own_problem);
    log_open(); /* standard error may be another one now */
    streams_secure_input();
    streams_detach_terminal();
    if (failure != 0)
        fail(failure, problem);
    else if (status != 0)
        failure = fail(status, &own_problem);
    if (activation.connection < 0 && activation.n_listeners == 0)
        return failure;
    if (activation.connection >= 0 || options->single)
        return serve_one(options, &activation, survival, failure);
    return server_run(options, &activation, &survival->mask, failure);
}

static int read_options(int argc, char **argv, struct options *options, enum options_action *action,
    struct problem *ret_problem)
{
    int r = options_parse(argc, argv, options, action, ret_problem);

    if (r == 0 && (*action == OPTIONS_SERVE || *action == OPTIONS_CHECK))
        r = options_find_users(options, ret_problem);
    return r < 0 ? EX_USAGE : 0;
}

int main(int argc, char **argv)
{
    struct signal_policy survival = {.ignores_stop = false};
    _cleanup_(options_done) struct options options = {0};
    enum options_action action;
    struct problem problem;

    /* To stop this process is to end its request, but a reload is not. First of all, because to
     * find users by their names may take a while. (While the dynamic linker runs, that is the end.)
     */
    sigprocmask(SIG_BLOCK, NULL, &survival.mask);
    signals_block(&survival);
    streams_open();
    log_open();
    signal(SIGPIPE, SIG_IGN); /* as Python does: what nobody reads is an error, not the end */
    int failure = read_options(argc, argv, &options, &action, &problem);
    log_set_application(options.application);
    if (action != OPTIONS_SERVE)
        sigprocmask(SIG_SETMASK, &survival.mask, NULL);
    switch (action) {
    case OPTIONS_HELP: return print_help();
    case OPTIONS_VERSION: return print_version();
    case OPTIONS_CHECK: return failure ? fail(failure, &problem) : check_application(&options);
    case OPTIONS_SERVE: break;
    }
    return serve(&options, &survival, failure, &problem);
}
