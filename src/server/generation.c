#include "server/generation.h"

#include "cleanup.h"
#include "log.h"
#include "message_ids.h"
#include "overdue.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* From the tracebacks of an import that takes too long to its end. */
#define IMPORT_GRACE USEC_PER_SEC
/* How long a template that was told to leave may take, whatever the app's hooks do in it. */
#define RETIREMENT_TIME (5 * USEC_PER_SEC)

/* ---- the beginning -------------------------------------------------------------------------- */

/* With --import=worker it is the workers that are waited for, by the template. */
static usec_t import_deadline(const struct template *template)
{
    bool imports = template->failure == 0 && template->options->import == IMPORT_SERVER;

    return imports ? deadline_after(template->options->import_timeout) : DEADLINE_NEVER;
}

/* What a template and the server have in common; *ret_other is the template's end of the socket. */
static int connect_template(
    struct generation *generation, const struct options *options, int *ret_other)
{
    int pair[2], r = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    generation->control = pair[0];
    *ret_other = pair[1];
    if (options->reload)
        r = queue_init(&generation->queue);
    if (options->reload && r == 0)
        r = sources_init(&generation->sources);
    return r;
}

static _Noreturn void become_template(struct template *template, struct generation *generation)
{
    template->queue = generation->queue.spares;
    template->sources = generation->sources;
    generation->sources = SOURCES_NONE;
    generation->queue.spares = -1;
    generation_close(generation);
    template_run(template);
}

int generation_start(struct generation *generation, struct template *template,
    void (*in_child)(void *data), void *data)
{
    struct generation started = GENERATION_NONE;

    started.started = deadline_now();
    int r = connect_template(&started, template->options, &template->control);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0) {
        in_child(data);
        become_template(template, &started);
    }
    if (r == 0 && pid < 0)
        r = -errno;
    closep(&template->control);
    if (r < 0) {
        generation_close(&started);
        return r;
    }
    setpgid(pid, pid); /* it does that, too: either may need it first */
    started.pid = pid;
    started.number = template->generation;
    started.failure = template->failure;
    started.deadline = import_deadline(template);
    *generation = started;
    return 0;
}

/* ---- meanwhile ------------------------------------------------------------------------------ */

void generation_nudge(const struct generation *generation)
{
    if (generation->control >= 0)
        (void)send(generation->control, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void generation_enforce_deadline(struct generation *generation, usec_t *next)
{
    if (generation->pid == 0 || !deadline_is_due(generation->deadline, next))
        return;
    if (generation->overdue) {
        generation_kill(generation);
        generation->deadline = DEADLINE_NEVER;
        return;
    }
    log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0, "import timed out (--import-timeout)");
    generation->overdue = true;
    generation->deadline = deadline_after(IMPORT_GRACE);
    kill(generation->pid, OVERDUE_DUMP_SIGNAL);
    deadline_wake(generation->deadline, next);
}

/* ---- the end -------------------------------------------------------------------------------- */

void generation_kill(const struct generation *generation)
{
    if (generation->pid > 0)
        kill(generation->pid, SIGKILL);
}

void generation_hang_up(struct generation *generation)
{
    closep(&generation->control);
    generation->control = -1;
}

void generation_close(struct generation *generation)
{
    generation_hang_up(generation);
    queue_done(&generation->queue);
    sources_done(&generation->sources);
}

/* A place that is free, or NULL. */
static struct generation *find_place(struct retired *retired)
{
    struct generation *generations = retired->generations;

    for (size_t i = 0; i < retired->size; i++)
        if (generations[i].pid == 0)
            return &generations[i];
    generations = reallocarray(generations, retired->size + 1, sizeof(*generations));
    if (!generations)
        return NULL;
    retired->generations = generations;
    return &generations[retired->size++];
}

/* None is forgotten: it may have slots, and what its import has started. */
static void remember(struct retired *retired, const struct generation *generation)
{
    struct generation *place = find_place(retired);

    if (!place) { /* all that can be done without memory */
        generation_kill(generation);
        return;
    }
    *place = *generation;
    place->deadline = deadline_after(RETIREMENT_TIME);
}

void generation_retire(struct generation *generation, struct retired *retired)
{
    generation_close(generation);
    if (!generation->ready) /* it imports, and does not listen */
        generation_kill(generation);
    if (generation->pid > 0)
        remember(retired, generation);
    *generation = GENERATION_NONE;
}

struct generation *retired_find(struct retired *retired, pid_t pid)
{
    for (size_t i = 0; i < retired->size; i++)
        if (retired->generations[i].pid == pid)
            return &retired->generations[i];
    return NULL;
}

void retired_enforce(struct retired *retired, bool at_once, usec_t *next)
{
    for (size_t i = 0; i < retired->size; i++) {
        struct generation *generation = &retired->generations[i];
        if (generation->pid == 0 || !(at_once || deadline_is_due(generation->deadline, next)))
            continue;
        generation_kill(generation);
        generation->deadline = DEADLINE_NEVER;
    }
}

void retired_done(struct retired *retired)
{
    free(retired->generations);
    *retired = (struct retired){0};
}

bool retired_are_gone(const struct retired *retired)
{
    for (size_t i = 0; i < retired->size; i++)
        if (retired->generations[i].pid > 0)
            return false;
    return true;
}
