/* What an evaluation is to its caller. */
#include <vedatile/evaluation.h>

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "report/evaluation.h"

vdt_status vdt_evaluate_progress(const struct vdt_evaluate_options *options, uint64_t done,
                                 uint64_t total, struct vdt_error *error)
{
    return options->progress == NULL || options->progress(done, total, options->payload)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
}

vdt_status vdt_evaluate_step(const struct vdt_evaluate_options *options, const char *name,
                             struct vdt_error *error)
{
    if (options->step)
        options->step(name, options->payload);
    return vdt_evaluate_progress(options, 0, 0, error);
}

void vdt_evaluation_free(struct vdt_evaluation *evaluation)
{
    if (evaluation == NULL)
        return;
    json_decref(evaluation->document);
    free(evaluation->text);
    free(evaluation);
}

const char *vdt_evaluation_json(const struct vdt_evaluation *evaluation)
{
    return evaluation->text;
}

/* A metric by its own name, or by one that other tools have for it. */
static const json_t *named_metric(const json_t *metrics, const char *name)
{
    static const struct {
        const char *name, *ours;
    } others[] = {{"mAP", "AP"},
                  {"mAP", "mAPAveragedOverIOUs"},
                  {"mAP50-95", "AP"},
                  {"mAP50", "AP50"},
                  {"mAP75", "AP75"}};
    const json_t *found = json_object_get(metrics, name);
    for (size_t i = 0; i < sizeof others / sizeof others[0] && found == NULL; i++)
        if (strcmp(name, others[i].name) == 0)
            found = json_object_get(metrics, others[i].ours);
    return found;
}

/* The value of `name` in one task: a metric, or "class:CLASS:METRIC" where CLASS may have colons.
 */
static const json_t *task_metric(const json_t *task, const char *name)
{
    const json_t *metrics = json_object_get(task, "metrics");
    if (strncmp(name, "class:", 6) != 0)
        return named_metric(metrics, name);
    const char *last = strrchr(name + 6, ':');
    size_t length = last ? (size_t)(last - (name + 6)) : 0;
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(task, "classes"), index, item)
    {
        const char *text = json_string_value(json_object_get(item, "class"));
        if (!last || !text || strlen(text) != length || strncmp(text, name + 6, length) != 0)
            continue;
        const json_t *found = json_object_get(item, last + 1);
        return found || strcmp(last + 1, "AP") != 0 ? found
                                                    : json_object_get(item, "APAveragedOverIOUs");
    }
    return NULL;
}

static bool had_before(const json_t *tasks, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (json_object_get(json_object_get(json_array_get(tasks, i), "metrics"), name))
            return true;
    return false;
}

/* Names of the metrics of all tasks, each once, for messages. */
static void list_names(const json_t *tasks, char *text, size_t size)
{
    size_t index, used = 0;
    const json_t *task;
    text[0] = 0;
    json_array_foreach(tasks, index, task)
    {
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(task, "metrics"), name, value)
        {
            if (had_before(tasks, index, name))
                continue;
            int more = snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
            if (more < 0 || (size_t)more >= size - used)
                return;
            used += (size_t)more;
        }
    }
}

vdt_status vdt_evaluation_metric(const struct vdt_evaluation *evaluation, const char *name,
                                 double *value, struct vdt_error *error)
{
    const json_t *tasks = json_object_get(evaluation->document, "tasks");
    const char *slash = strchr(name, '/');
    size_t index;
    const json_t *task;
    json_array_foreach(tasks, index, task)
    {
        const char *kind = json_string_value(json_object_get(task, "task"));
        bool named = slash && kind && strlen(kind) == (size_t)(slash - name) &&
                     strncmp(kind, name, strlen(kind)) == 0;
        const json_t *found = named ? task_metric(task, slash + 1) : task_metric(task, name);
        if (found == NULL || !(json_is_number(found) || json_is_null(found)))
            continue;
        *value = json_is_null(found) ? NAN : json_number_value(found);
        return VDT_OK;
    }
    char names[512];
    list_names(tasks, names, sizeof names);
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "no metric \"%s\"; there are %s, class:CLASS:METRIC",
                    name, names);
}
