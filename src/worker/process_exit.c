#include "worker/process_exit.h"

#include "systemd/journal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/lsan_interface.h>
#endif

/* The time for flushing buffers and for the journal. */
#define EXIT_TIMEOUT_SEC 1

static volatile sig_atomic_t exit_status = -1; /* of a process that is exiting */

static void on_alarm(int signal)
{
    (void)signal;
    _exit(exit_status);
}

static void set_alarm(time_t seconds)
{
    const struct itimerval time = {.it_value = {.tv_sec = seconds}};

    setitimer(ITIMER_REAL, &time, NULL);
}

void process_exit_soon(int status)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alarm_signal;

    if (exit_status >= 0)
        return;
    exit_status = status;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm_signal);
    sigaddset(&alarm_signal, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm_signal, NULL);
    set_alarm(EXIT_TIMEOUT_SEC);
}

void process_exit(int status)
{
    process_exit_soon(status);
    fflush(NULL);
    journal_flush();
#ifdef __SANITIZE_ADDRESS__
    set_alarm(0);
    __lsan_do_leak_check(); /* it would run in exit(3) */
#endif
    _exit(status);
}
