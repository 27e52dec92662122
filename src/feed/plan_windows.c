/* The windows of a scene, in units that one worker does in one go. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/plan_steps.h"
#include "feed/tell.h"
#include "feed/tile.h"
#include "feed/window_source.h"

struct vdt_window vdt_plan_window_at(const struct vdt_plan *plan, uint64_t index)
{
    const struct vdt_plan_window *window = &plan->windows[index];
    return (struct vdt_window){window->col, window->row, (int32_t)plan->spec.tile.cols,
                               (int32_t)plan->spec.tile.rows};
}

static void clear_selected(struct vdt_failures *selected)
{
    free(selected->items);
}

/* Leaves only the places that failed before. */
static vdt_status keep_failed(const struct vdt_window_task *task, struct vdt_window_list *list,
                              struct vdt_error *error)
{
    vdt_cleanup(clear_selected) struct vdt_failures failed = {0};
    vdt_status status =
        vdt_failures_select(&task->plan->log->stored, task->planned->uri, &failed, error);
    size_t kept = 0;
    for (size_t i = 0; status == VDT_OK && i < list->count; i++) {
        const struct vdt_place *place = &list->places[i];
        const struct vdt_window window = vdt_place_window(task, place);
        if (vdt_failures_cover(&failed, &window))
            list->places[kept++] = *place;
    }
    list->count = kept;
    return status;
}

static enum vdt_fate fate_of(int group)
{
    return group == VDT_GROUP_BACKGROUND ? VDT_FATE_BACKGROUND
           : group == VDT_GROUP_OUTSIDE  ? VDT_FATE_OUTSIDE
                                         : VDT_FATE_STRADDLING;
}

static vdt_status plan_window(struct vdt_plan *plan, const struct vdt_window_task *task,
                              const struct vdt_place *place, struct vdt_feed_report *report,
                              struct vdt_error *error)
{
    struct vdt_window window = vdt_place_window(task, place);
    uint32_t scene = (uint32_t)(task->planned - plan->scenes);
    char key[VDT_KEY_SIZE];
    vdt_window_key(task->planned->digest, &window, key);
    report->windows++;
    if (task->writer != NULL && vdt_writer_has(task->writer, key)) {
        report->existing++;
        return vdt_tell_window(plan, scene, task->scene, &window, -1, VDT_FATE_EXISTING, error);
    }
    int group = place->group;
    vdt_status status = VDT_OK;
    if (group == VDT_GROUP_OPEN)
        status = vdt_plan_group(plan, task->planned, task->scene, &window, key, &group, error);
    if (status != VDT_OK)
        return status;
    if (group < 0) {
        *(group == VDT_GROUP_BACKGROUND ? &report->background
          : group == VDT_GROUP_OUTSIDE  ? &report->outside
                                        : &report->straddling) += 1;
        return vdt_tell_window(plan, scene, task->scene, &window, -1, fate_of(group), error);
    }
    if (!vdt_grow(&plan->windows, &plan->window_capacity, plan->window_count + 1,
                  sizeof *plan->windows))
        return vdt_fail_memory(error, "plan");
    plan->windows[plan->window_count++] =
        (struct vdt_plan_window){window.col, window.row, scene, (uint32_t)group};
    return VDT_OK;
}

/* The unit of what was planned since window `first`. */
static vdt_status plan_unit(struct vdt_plan *plan, uint64_t first, struct vdt_error *error)
{
    uint32_t count = (uint32_t)(plan->window_count - first);
    if (count == 0)
        return VDT_OK;
    if (!vdt_grow(&plan->units, &plan->unit_capacity, plan->unit_count + 1, sizeof *plan->units))
        return vdt_fail_memory(error, "plan");
    plan->units[plan->unit_count++] = (struct vdt_plan_unit){first, count};
    plan->most_in_unit = count > plan->most_in_unit ? count : plan->most_in_unit;
    return VDT_OK;
}

vdt_status vdt_plan_windows(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                            const struct vdt_writer *writer, struct vdt_feed_report *report,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_window_list_clear) struct vdt_window_list list = {0};
    struct vdt_window_task task = {
        .plan = plan, .planned = &plan->scenes[index], .scene = scene, .writer = writer};
    vdt_status status = vdt_window_source(&task, &list, report, error);
    if (status == VDT_OK && plan->options->retry_failed)
        status = keep_failed(&task, &list, error);
    for (size_t i = 0, end; status == VDT_OK && i < list.count; i = end) {
        uint64_t first = plan->window_count;
        end = vdt_unit_end(list.places, list.count, i, list.most_in_unit);
        for (size_t k = i; status == VDT_OK && k < end; k++)
            status = plan_window(plan, &task, &list.places[k], report, error);
        if (status == VDT_OK)
            status = plan_unit(plan, first, error);
    }
    return status;
}
