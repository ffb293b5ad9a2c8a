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

/* How long an old template may take to exit, which includes the app's hooks. */
#define EXIT_TIMEOUT (5 * USEC_PER_SEC)

/* ---- start ---------------------------------------------------------------------------------- */

/* With --import=worker the template itself enforces --import-timeout, against its workers. */
static usec_t import_deadline(const struct template_config *config)
{
    bool imports = config->failure == 0 && config->options->import == IMPORT_SERVER;

    return imports ? deadline_after(config->options->timeouts.import) : DEADLINE_NEVER;
}

/* Opens what the server and the template share, with --reload more. *ret_other is the end of the
 * control socket for the template. */
static int open_shared(struct template *template, bool is_reloading, int *ret_other)
{
    int pair[2], r = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    template->control = pair[0];
    *ret_other = pair[1];
    if (is_reloading)
        r = queue_init(&template->queue);
    if (is_reloading && r == 0)
        r = sources_init(&template->sources);
    return r;
}

/* In the new process: moves what it needs from the handle into its configuration. */
static _Noreturn void run_template(struct template_config *config, struct template *handle)
{
    config->queue = handle->queue.spares;
    config->sources = handle->sources;
    handle->sources = SOURCES_NONE;
    handle->queue.spares = -1;
    template_close(handle);
    template_process_main(config);
}

int template_start(
    struct template_config *config, void (*in_child)(void *data), void *data, struct template *ret)
{
    struct template template = TEMPLATE_NONE;

    template.started = deadline_now();
    int r = open_shared(&template, config->options->reload, &config->control);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0) {
        in_child(data);
        run_template(config, &template);
    }
    if (r == 0 && pid < 0)
        r = -errno;
    closep(&config->control);
    if (r < 0) {
        template_close(&template);
        return r;
    }
    setpgid(pid, pid); /* the template does that, too: either process may need it first */
    template.pid = pid;
    template.number = config->number;
    template.failure = config->failure;
    template.import.deadline = import_deadline(config);
    template.import.grace = ESCALATION_GRACE;
    *ret = template;
    return 0;
}

/* ---- while it runs -------------------------------------------------------------------------- */

void template_wake(const struct template *template)
{
    if (template->control >= 0)
        (void)send(template->control, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void template_enforce_deadline(struct template *template, usec_t *next)
{
    if (template->pid == 0)
        return;
    switch (escalation_next(&template->import, next)) {
    case ESCALATION_NONE: break;
    case ESCALATION_DUMP:
        kill(template->pid, DUMP_SIGNAL);
        log_event(LOG_ERR, MESSAGE_ID_LIMIT_HIT, NULL, 0, "import timed out (--import-timeout)");
        break;
    case ESCALATION_KILL: template_kill(template); break;
    }
}

/* ---- exit ----------------------------------------------------------------------------------- */

void template_kill(const struct template *template)
{
    if (template->pid > 0)
        kill(template->pid, SIGKILL);
}

void template_close_control(struct template *template)
{
    closep(&template->control);
    template->control = -1;
}

void template_close(struct template *template)
{
    template_close_control(template);
    queue_done(&template->queue);
    sources_done(&template->sources);
}

/* Returns a free place, or NULL when there is no memory for one. */
static struct template *find_place(struct old_templates *old_templates)
{
    struct template *templates = old_templates->templates;

    for (size_t i = 0; i < old_templates->size; i++)
        if (templates[i].pid == 0)
            return &templates[i];
    templates = reallocarray(templates, old_templates->size + 1, sizeof(*templates));
    if (!templates)
        return NULL;
    old_templates->templates = templates;
    return &templates[old_templates->size++];
}

/* Every old template is kept: it may own slots, and its import may have left processes running. */
static void old_templates_add(struct old_templates *old_templates, const struct template *template)
{
    struct template *place = find_place(old_templates);

    if (!place) { /* out of memory: it cannot be tracked, so kill it */
        template_kill(template);
        return;
    }
    *place = *template;
    place->exit_deadline = deadline_after(EXIT_TIMEOUT);
}

void template_retire(struct template *template, struct old_templates *old_templates)
{
    template_close(template);
    if (!template->ready) /* it is importing, and does not read the control socket */
        template_kill(template);
    if (template->pid > 0)
        old_templates_add(old_templates, template);
    *template = TEMPLATE_NONE;
}

struct template *old_templates_find(struct old_templates *old_templates, pid_t pid)
{
    for (size_t i = 0; i < old_templates->size; i++)
        if (old_templates->templates[i].pid == pid)
            return &old_templates->templates[i];
    return NULL;
}

void old_templates_enforce_deadlines(
    struct old_templates *old_templates, bool at_once, usec_t *next)
{
    for (size_t i = 0; i < old_templates->size; i++) {
        struct template *template = &old_templates->templates[i];
        if (template->pid == 0 || !(at_once || deadline_is_due(template->exit_deadline, next)))
            continue;
        template_kill(template);
        template->exit_deadline = DEADLINE_NEVER;
    }
}

void old_templates_done(struct old_templates *old_templates)
{
    free(old_templates->templates);
    *old_templates = (struct old_templates){0};
}

bool old_templates_are_gone(const struct old_templates *old_templates)
{
    for (size_t i = 0; i < old_templates->size; i++)
        if (old_templates->templates[i].pid > 0)
            return false;
    return true;
}
