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

/* How long to wait when no descriptor, or no memory, is left for a connection. */
#define PAUSE_MSEC 100

/* ---- exit(3) -------------------------------------------------------------------------------- */

static struct {
    struct report *report;
    pid_t pid; /* whose report that is: not a child's */
} exiting;

/* No worker ends so, but a library in it may have called that. */
static void tell_exit(void)
{
    if (getpid() == exiting.pid)
        exiting.report->exited = true;
}

static void watch_exit(struct report *report)
{
    exiting.report = report;
    exiting.pid = getpid();
    atexit(tell_exit);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Returns the connection, -ECANCELED, or another -errno. */
static int wait_for_connection(const struct spare *spare)
{
    bool said = false;

    for (;;) {
        int fd = spare->queue >= 0 ? queue_take(spare->queue, spare->stop)
                                   : activation_accept(spare->activation, spare->first_listener,
                                         spare->stop, DEADLINE_NEVER);
        if (!activation_is_exhaustion(fd))
            return fd;
        if (!said)
            log_line(LOG_WARNING, "cannot accept connections for now: %s", strerror(-fd));
        said = true;
        struct pollfd stop = {.fd = spare->stop};
        if (poll(&stop, 1, PAUSE_MSEC) > 0)
            return -ECANCELED;
    }
}

static void get_ready(struct spare *spare)
{
    if (!slot_change(spare->slot, SLOT_STARTING, SLOT_SPARE))
        process_exit(0); /* it is about to be killed */
    spare->slot->overdue = false;
    if (spare->announce)
        eventfd_write(spare->wake, 1);
    if (spare->queue >= 0)
        queue_report_ready(spare->queue);
}

/* The template learns of a request when its worker ends, and forks the next spare then: in between,
 * that would only take the processor away from it. Sooner when no spare is left, or when the server
 * has not told systemd of anything for a while. */
static bool is_news(const struct spare *spare)
{
    const struct slot *slot = spare->slot;

    return slot->since >= spare->board->totals->told + SCOREBOARD_NEWS_INTERVAL ||
        scoreboard_count(spare->board, SLOT_STARTING, SLOT_SPARE, slot->generation) == 0;
}

/* From here on it is a worker. Its descriptors are those of its connection. */
static void begin(struct spare *spare)
{
    scoreboard_begin(spare->board, spare->slot);
    if (is_news(spare))
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
    watch_exit(spare->worker.report);
    if (!spare->worker.gateway && spare->worker.failure == 0) {
        scoreboard_shield(spare->board, true);
        int status = import_in_worker(&spare->worker);
        if (status != 0)
            process_exit(status);
        scoreboard_shield(spare->board, false);
    }
    if (spare->worker.gateway)
        worker_prefault(&spare->worker);
    get_ready(spare);
    int fd = wait_for_connection(spare);
    if (fd == -ECANCELED)
        process_exit(0);
    if (fd < 0) {
        log_line(LOG_ERR, "cannot accept a connection: %s", strerror(-fd));
        process_exit(EX_OSERR);
    }
    begin(spare);
    int status = worker_serve(&spare->worker, fd);
    /* That the app cannot be loaded is the server's to say. */
    worker_end(&spare->worker, spare->worker.failure == 0 ? status : 0);
}
