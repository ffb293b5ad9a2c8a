#include "server/spare.h"

#include "log/log.h"
#include "server/import.h"
#include "server/waiting_room.h"
#include "worker/process_exit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

/* How long to wait when descriptors or memory for a connection run out. */
#define ACCEPT_PAUSE_MSEC 100

/* ---- exit(3) -------------------------------------------------------------------------------- */

static struct {
    struct report *report;
    pid_t pid; /* the worker: its children inherit the handler, and must not write */
} exiting;

/* Workers do not call exit(3), but a library may. */
static void report_exit(void)
{
    if (getpid() == exiting.pid)
        exiting.report->exited = true;
}

static void register_exit_report(struct report *report)
{
    exiting.report = report;
    exiting.pid = getpid();
    atexit(report_exit);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Returns the connection, -ECANCELED, or another -errno. */
static int wait_for_connection(const struct spare *spare)
{
    bool is_logged = false;

    for (;;) {
        int fd = spare->queue >= 0 ? queue_take(spare->queue, spare->stop)
                                   : activation_accept(spare->activation, spare->first_listener,
                                         spare->stop, DEADLINE_NEVER);
        if (!activation_is_exhaustion(fd))
            return fd;
        if (!is_logged)
            log_line(LOG_WARNING, "cannot accept connections for now: %s", strerror(-fd));
        is_logged = true;
        struct pollfd stop = {.fd = spare->stop};
        if (poll(&stop, 1, ACCEPT_PAUSE_MSEC) > 0)
            return -ECANCELED;
    }
}

/* Returns false if this spare is being killed: it must not accept. */
static bool become_ready(struct spare *spare)
{
    if (!slot_change(spare->slot, SLOT_STARTING, SLOT_SPARE))
        return false;
    spare->slot->dumped = false;
    if (spare->announce)
        eventfd_write(spare->wake, 1);
    if (spare->queue >= 0)
        queue_report_ready(spare->queue);
    return true;
}

/* Normally the template notices a request when its worker exits, and forks the next spare then:
 * forking earlier would compete with the request for the processor. It must know at once when no
 * spare is left, or when the server has not updated its status for a while. */
static bool needs_wake(const struct spare *spare)
{
    const struct slot *slot = spare->slot;

    return slot->since >= spare->board->totals->reported + SCOREBOARD_REPORT_INTERVAL ||
        scoreboard_count(spare->board, SLOT_STARTING, SLOT_SPARE, slot->template_number) == 0;
}

/* The spare has its connection: it gives up what belongs to the server and to other workers. */
static void begin_request(struct spare *spare)
{
    scoreboard_begin(spare->board, spare->slot);
    if (needs_wake(spare))
        eventfd_write(spare->wake, 1);
    scoreboard_unmap_slots(spare->board);
    activation_close(spare->activation);
    close(spare->stop);
    close(spare->wake);
    if (spare->queue >= 0)
        close(spare->queue);
}

void spare_run(struct spare *spare)
{
    register_exit_report(spare->worker.report);
    if (!spare->worker.gateway && spare->worker.failure == 0) {
        scoreboard_shield(spare->board, true);
        int status = import_in_worker(&spare->worker);
        if (status != 0)
            process_exit(status);
        scoreboard_shield(spare->board, false);
    }
    if (spare->worker.gateway)
        worker_prefault(&spare->worker);
    if (!become_ready(spare))
        process_exit(0);
    int fd = wait_for_connection(spare);
    if (fd == -ECANCELED)
        process_exit(0);
    if (fd < 0) {
        log_line(LOG_ERR, "cannot accept a connection: %s", strerror(-fd));
        process_exit(EX_OSERR);
    }
    begin_request(spare);
    int status = worker_serve(&spare->worker, fd);
    /* A failure to load the app is reported by the server, and not by each worker. */
    worker_end(&spare->worker, spare->worker.failure == 0 ? status : 0);
}
