#include "server/template.h"

#include "base/cleanup.h"
#include "log/log.h"
#include "log/message_ids.h"
#include "worker/request_timer.h"

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
static usec_t import_deadline(const struct template_config *template)
{
    bool imports = template->failure == 0 && template->options->import == IMPORT_SERVER;

    return imports ? deadline_after(template->options->timeouts.import) : DEADLINE_NEVER;
}

/* What a template and the server have in common; *ret_other is the template's end of the socket. */
static int connect_template(
    struct template *generation, const struct options *options, int *ret_other)
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

static _Noreturn void become_template(struct template_config *template, struct template *generation)
{
    template->queue = generation->queue.spares;
    template->sources = generation->sources;
    generation->sources = SOURCES_NONE;
    generation->queue.spares = -1;
    template_close(generation);
    template_process_main(template);
}

int template_start(struct template *generation, struct template_config *template,
    void (*in_child)(void *data), void *data)
{
    struct template started = TEMPLATE_NONE;

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
        template_close(&started);
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

void template_notify(const struct template *generation)
{
    if (generation->control >= 0)
        (void)send(generation->control, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void template_enforce_deadline(struct template *generation, usec_t *next)
{
    if (generation->pid == 0 || !deadline_is_due(generation->deadline, next))
        return;
    if (generation->overdue) {
        template_kill(generation);
        generation->deadline = DEADLINE_NEVER;
        return;
    }
    log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0, "import timed out (--import-timeout)");
    generation->overdue = true;
    generation->deadline = deadline_after(IMPORT_GRACE);
    kill(generation->pid, DUMP_SIGNAL);
    deadline_update_next(generation->deadline, next);
}

/* ---- the end -------------------------------------------------------------------------------- */

void template_kill(const struct template *generation)
{
    if (generation->pid > 0)
        kill(generation->pid, SIGKILL);
}

void template_close_control(struct template *generation)
{
    closep(&generation->control);
    generation->control = -1;
}

void template_close(struct template *generation)
{
    template_close_control(generation);
    queue_done(&generation->queue);
    sources_done(&generation->sources);
}

/* A place that is free, or NULL. */
static struct template *find_place(struct old_templates *old_templates)
{
    struct template *generations = old_templates->generations;

    for (size_t i = 0; i < old_templates->size; i++)
        if (generations[i].pid == 0)
            return &generations[i];
    generations = reallocarray(generations, old_templates->size + 1, sizeof(*generations));
    if (!generations)
        return NULL;
    old_templates->generations = generations;
    return &generations[old_templates->size++];
}

/* None is forgotten: it may have slots, and what its import has started. */
static void remember(struct old_templates *old_templates, const struct template *generation)
{
    struct template *place = find_place(old_templates);

    if (!place) { /* all that can be done without memory */
        template_kill(generation);
        return;
    }
    *place = *generation;
    place->deadline = deadline_after(RETIREMENT_TIME);
}

void template_retire(struct template *generation, struct old_templates *old_templates)
{
    template_close(generation);
    if (!generation->ready) /* it imports, and does not listen */
        template_kill(generation);
    if (generation->pid > 0)
        remember(old_templates, generation);
    *generation = TEMPLATE_NONE;
}

struct template *old_templates_find(struct old_templates *old_templates, pid_t pid)
{
    for (size_t i = 0; i < old_templates->size; i++)
        if (old_templates->generations[i].pid == pid)
            return &old_templates->generations[i];
    return NULL;
}

void old_templates_enforce_deadlines(
    struct old_templates *old_templates, bool at_once, usec_t *next)
{
    for (size_t i = 0; i < old_templates->size; i++) {
        struct template *generation = &old_templates->generations[i];
        if (generation->pid == 0 || !(at_once || deadline_is_due(generation->deadline, next)))
            continue;
        template_kill(generation);
        generation->deadline = DEADLINE_NEVER;
    }
}

void old_templates_done(struct old_templates *old_templates)
{
    free(old_templates->generations);
    *old_templates = (struct old_templates){0};
}

bool old_templates_are_gone(const struct old_templates *old_templates)
{
    for (size_t i = 0; i < old_templates->size; i++)
        if (old_templates->generations[i].pid > 0)
            return false;
    return true;
}
