#include "server/spares.h"

#include "log/log.h"
#include "server/spare.h"
#include "worker/process_exit.h"
#include "worker/signals.h"
#include "wsgi/python.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How long to wait after a failed fork. */
#define FORK_PAUSE (100 * USEC_PER_MSEC)

int spares_open(struct spares *spares)
{
    return pipe2(spares->stop, O_CLOEXEC) < 0 ? -errno : 0;
}

void spares_stop(struct spares *spares)
{
    close(spares->stop[1]);
    close(spares->stop[0]);
}

size_t spares_count(const struct spares *spares, enum slot_state first, enum slot_state last)
{
    return scoreboard_count(spares->board, first, last, spares->template_number);
}

/* ---- in the new process --------------------------------------------------------------------- */

struct worker_fork {
    const struct spares *spares;
    struct slot *slot;
    pid_t parent; /* the template */
};

/* When a template dies, the server takes over its workers, which it finds by their slots. It does
 * so once, and may miss a worker whose slot has no process ID yet. Such a worker must not run on:
 * it exits before any code of the app runs in it. */
static void claim_slot(const struct worker_fork *child)
{
    pid_t self = getpid();

    /* The template sets the ID, too. If neither has, another worker may own the slot by now. */
    if (getppid() != child->parent && child->slot->pid != self)
        process_exit(0);
    child->slot->pid = self;
    if (getppid() == child->parent)
        return;
    child->slot->killed = true;
    process_exit(0);
}

/* Gives up what belongs to the template: above all the writing end of the pipe. The signals of a
 * request come last, because processes started by hooks of the app inherit them. */
static void worker_after_fork(const void *data)
{
    const struct worker_fork *child = data;
    const struct spares *spares = child->spares;

    claim_slot(child);
    setpgid(0, 0);
    close(spares->stop[1]);
    close(spares->children);
    close(spares->control);
    log_after_fork();
    sigaction(SIGCHLD, &spares->on_child, NULL);
    if (spares->worker.gateway || spares->worker.failure != 0)
        signals_ignore(spares->worker.signal_policy); /* otherwise worker_load does */
}

static _Noreturn void run_spare(const struct spares *spares, struct slot *slot, bool announce)
{
    struct spare spare = {
        .worker = spares->worker,
        .activation = spares->activation,
        .first_listener = spares->forked,
        .board = spares->board,
        .slot = slot,
        .stop = spares->stop[0],
        .wake = spares->wake,
        .queue = spares->queue,
        .announce = announce,
    };

    spare.worker.report = scoreboard_report(spares->board, slot);
    spare_run(&spare);
}

/* ---- in the template ------------------------------------------------------------------------ */

/* The first spare is forked even if other templates have as many workers as are allowed: a new
 * template without a worker would never get ready to replace them. */
static bool is_spare_missing(const struct spares *spares, bool ready)
{
    size_t count = spares_count(spares, SLOT_STARTING, SLOT_SPARE);
    size_t running = scoreboard_count(spares->board, SLOT_RUNNING, SLOT_RUNNING, 0);
    bool is_first = !ready && spares_count(spares, SLOT_KILLED, SLOT_RUNNING) == 0;

    return count < spares->target && (count + running < spares->max_workers || is_first);
}

static int fork_spare(struct spares *spares, struct slot *slot, bool ready)
{
    struct worker_fork child = {spares, slot, getpid()};

    pid_t pid = python_fork(worker_after_fork, &child);
    if (pid == 0)
        run_spare(spares, slot, !ready);
    if (pid < 0) {
        int error = errno;
        scoreboard_release(slot);
        return -error;
    }
    /* The worker does both, too: either process may need it first. */
    slot->pid = pid;
    setpgid(pid, pid);
    spares->forked++; /* each serves one connection, so this takes turns among the listeners */
    spares->fork_again = 0;
    return 0;
}

int spares_fork(struct spares *spares, bool ready, usec_t *next)
{
    if (!deadline_is_due(spares->fork_again, next))
        return 0;
    while (is_spare_missing(spares, ready)) {
        struct slot *slot = scoreboard_take(spares->board, spares->template_number);
        if (!slot)
            return ready ? 0 : SPARES_NO_SLOT;
        int r = fork_spare(spares, slot, ready);
        if (r == 0)
            continue;
        if (spares->fork_again == 0)
            log_line(LOG_WARNING, "cannot fork workers for now: %s", strerror(-r));
        spares->fork_again = deadline_now() + FORK_PAUSE;
        deadline_update_next(spares->fork_again, next);
        return r;
    }
    return 0;
}
