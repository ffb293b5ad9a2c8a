#include "image/survey.h"

#include "base/problem.h"
#include "image/watch.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_IMPORTS = 3, IMPORT_CHANGED_FILES = 2 };

/* Returns 0, IMPORT_CHANGED_FILES with a problem if the import has changed what it depends on, or
 * -errno. */
static int check_stable(
    const struct survey_task *task, struct survey *survey, struct problem *ret_problem)
{
    struct problem problem;
    int r = recorder_finish(&survey->recorder, &survey->record, &problem);

    if (r == 0)
        r = dependencies_check(survey->record, task->arguments, task->environment, &problem);
    if (r == 0 || (r < 0 && r != -EEXIST))
        return r == 0 ? 0 : problem_set(ret_problem, r, "%s", problem.text);
    return problem_set(ret_problem, IMPORT_CHANGED_FILES, "after each import: %s", problem.text);
}

static int import_once(
    const struct survey_task *task, struct survey *survey, struct problem *ret_problem)
{
    recorder_done(&survey->recorder);
    recorder_init(&survey->recorder, task->arguments, task->environment);
    int r = watch_run(
        &survey->recorder, task->import, task->data, task->deadline, &survey->status, ret_problem);
    if (r < 0)
        return r;
    if (survey->status != 0)
        return SURVEY_IMPORT_FAILED;
    return check_stable(task, survey, ret_problem);
}

int survey_run(
    const struct survey_task *task, struct survey *ret_survey, struct problem *ret_problem)
{
    int r = IMPORT_CHANGED_FILES;

    *ret_survey = (struct survey){0};
    for (int i = 0; i < MAX_IMPORTS && r == IMPORT_CHANGED_FILES; i++)
        r = import_once(task, ret_survey, ret_problem);
    if (r != 0)
        ret_survey->record = (struct slice){0};
    return r == IMPORT_CHANGED_FILES ? -EBUSY : r;
}

void survey_done(struct survey *survey)
{
    recorder_done(&survey->recorder);
    survey->record = (struct slice){0};
}
