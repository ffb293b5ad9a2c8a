#include "worker/signals.h"

#include <stddef.h>
#include <unistd.h>

/* The signals of a stop come last. */
static const int signals[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

static size_t count_signals(const struct signal_policy *policy)
{
    size_t count = sizeof(signals) / sizeof(signals[0]);

    return policy->ignores_stop ? count : count - 2;
}

void signals_block(const struct signal_policy *policy)
{
    sigset_t blocked = policy->mask;

    for (size_t i = 0; i < count_signals(policy); i++)
        sigaddset(&blocked, signals[i]);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static volatile pid_t ignoring_process;

/* A handler instead of SIG_IGN, which programs that this process executes would inherit. In a child
 * it does what the signal does by default. */
static void on_ignored(int signal_number)
{
    if (getpid() == ignoring_process)
        return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void signals_ignore(const struct signal_policy *policy)
{
    struct sigaction action = {.sa_handler = on_ignored, .sa_flags = SA_RESTART}, present;

    ignoring_process = getpid();
    for (size_t i = 0; i < count_signals(policy); i++)
        if (sigaction(signals[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    sigprocmask(SIG_SETMASK, &policy->mask, NULL);
}
