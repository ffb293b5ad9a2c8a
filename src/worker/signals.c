#include "worker/signals.h"

#include <stddef.h>
#include <unistd.h>

/* Those of a stop come last. */
static const int signals[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

static size_t count_signals(const struct signal_policy *survival)
{
    size_t count = sizeof(signals) / sizeof(signals[0]);

    return survival->ignores_stop ? count : count - 2;
}

void signals_block(const struct signal_policy *survival)
{
    sigset_t held = survival->mask;

    for (size_t i = 0; i < count_signals(survival); i++)
        sigaddset(&held, signals[i]);
    sigprocmask(SIG_SETMASK, &held, NULL);
}

static volatile pid_t survivor;

/* A handler, because programs that this process runs would inherit that a signal is ignored. */
static void go_on(int signal_number)
{
    if (getpid() == survivor)
        return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void signals_ignore(const struct signal_policy *survival)
{
    struct sigaction action = {.sa_handler = go_on, .sa_flags = SA_RESTART}, present;

    survivor = getpid();
    for (size_t i = 0; i < count_signals(survival); i++)
        if (sigaction(signals[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    sigprocmask(SIG_SETMASK, &survival->mask, NULL);
}
