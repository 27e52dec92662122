/* Which group each window of a plan goes to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/areas.h"
#include "feed/field_values.h"
#include "feed/group_of.h"
#include "feed/place.h"
#include "feed/plan_steps.h"
#include "feed/window_source.h"

/* The first scene's grid, for a store that is not split yet. Without georeference its pixels are
 * the ground; a scene placed by control points or RPC has no grid (crs NULL). */
static void first_frame(const struct vdt_plan *plan, const struct vdt_scene_info *info,
                        struct vdt_split_frame *frame, struct vdt_split_sizes *sizes)
{
    static const double identity[6] = {0, 1, 0, 0, 0, 1};
    const struct vdt_grid *grid = &plan->scenes[0].grid;
    bool affine = info->georef == VDT_GEOREF_AFFINE, none = info->georef == VDT_GEOREF_NONE;
    *frame = (struct vdt_split_frame){.crs = affine ? info->crs : none ? "" : NULL};
    memcpy(frame->geotransform, affine ? info->geotransform : identity, sizeof identity);
    *sizes = (struct vdt_split_sizes){.tile = {grid->tile_cols, grid->tile_rows},
                                      .stride = {grid->stride_cols, grid->stride_rows},
                                      .scene = {info->cols, info->rows}};
    vdt_split_frame_metres(frame, sizes);
}

vdt_status vdt_plan_group(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                          struct vdt_scene *scene, const struct vdt_window *window, const char *key,
                          int *group, struct vdt_error *error)
{
    vdt_cleanup(vdt_field_values_clear) struct vdt_field_values values = {0};
    vdt_status status = VDT_OK;
    if (plan->groups.split && plan->groups.by == VDT_SPLIT_AREAS)
        return vdt_areas_group(plan, planned, window, group, error);
    if (plan->groups.split && plan->groups.by == VDT_SPLIT_FIELD)
        status = vdt_field_values(plan, planned, window, &values, error);
    const struct vdt_group_query query = {.scene = scene,
                                          .window = window,
                                          .key = key,
                                          .digest = planned->digest,
                                          .acquired = planned->acquired,
                                          .values = values.texts,
                                          .value_count = values.count};
    if (status == VDT_OK)
        *group = vdt_group_of(&plan->groups, plan->frame, &query);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* When the scenes of the plan were acquired, sorted; each scene once. */
static vdt_status read_times(const struct vdt_plan *plan, char (**times)[VDT_TIME_SIZE],
                             size_t *count, struct vdt_error *error)
{
    char(*read)[VDT_TIME_SIZE] = vdt_allocate_zero(plan->recipe_count, sizeof *read);
    char(*digests)[33] = vdt_allocate_zero(plan->recipe_count, sizeof *digests);
    *times = read;
    vdt_status status = read == NULL || digests == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < plan->recipe_count; i++) {
        struct vdt_scene *scene = NULL;
        bool again = false;
        status = vdt_plan_open(plan, &plan->recipes[i], &scene, error);
        if (status == VDT_END) {
            status = VDT_OK;
            continue;
        }
        if (status != VDT_OK)
            break;
        const struct vdt_scene_info *info = vdt_scene_info(scene);
        for (size_t k = 0; k < *count; k++)
            again |= strcmp(digests[k], info->digest) == 0;
        memcpy(digests[*count], info->digest, sizeof *digests);
        if (!again && vdt_time_read(info->acquired, read[*count]))
            ++*count;
        vdt_scene_free(scene);
    }
    free(digests);
    if (status == VDT_OK && *count > 0)
        qsort(read, *count, sizeof *read, by_text);
    return status;
}

vdt_status vdt_plan_check_time(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                               struct vdt_error *error)
{
    char time[VDT_TIME_SIZE];
    if (!plan->groups.split || plan->groups.by != VDT_SPLIT_TIME ||
        vdt_time_read(planned->acquired, time))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: does not say when it was acquired, so a split by time has no group for "
                    "it: set TIFFTAG_DATETIME (gdal_edit.py -mo), or name a --group",
                    planned->path);
}

void vdt_plan_warn_overlap(const struct vdt_plan *plan, struct vdt_feed_report *report)
{
    const struct vdt_groups *groups = &plan->groups;
    if (!groups->split || groups->by != VDT_SPLIT_SCENE)
        return;
    for (size_t i = 0; i < plan->scene_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct vdt_plan_scene *a = &plan->scenes[k], *b = &plan->scenes[i];
            if (vdt_place_overlap(a->bounds, b->bounds) &&
                vdt_split_hash(&groups->rule, a->digest, 32) !=
                    vdt_split_hash(&groups->rule, b->digest, 32)) {
                snprintf(report->warning, sizeof report->warning,
                         "%.180s and %.180s overlap on the ground but are in different groups: use "
                         "--split-by block",
                         a->path, b->path);
                return;
            }
        }
}

vdt_status vdt_plan_groups(struct vdt_plan *plan, struct vdt_scene *first,
                           const struct vdt_writer *writer, struct vdt_feed_report *report,
                           struct vdt_error *error)
{
    struct vdt_split_frame frame;
    struct vdt_split_sizes sizes;
    first_frame(plan, vdt_scene_info(first), &frame, &sizes);
    vdt_cleanup(vdt_free_pointer) char(*times)[VDT_TIME_SIZE] = NULL;
    vdt_status status = VDT_OK;
    if (plan->options->split_by == VDT_SPLIT_TIME && plan->options->split_count > 0)
        status = read_times(plan, &times, &sizes.time_count, error);
    sizes.times = times;
    if (status == VDT_OK)
        status = vdt_groups_make(&plan->groups, plan->options,
                                 writer == NULL ? "{}" : vdt_writer_split(writer), &frame, &sizes,
                                 error);
    if (status == VDT_OK)
        status = vdt_areas_open(plan, error);
    if (status == VDT_OK)
        status = vdt_listed_groups(plan, error);
    if (status == VDT_OK && plan->groups.split && plan->groups.by == VDT_SPLIT_BLOCK)
        status = vdt_frame_open(plan->groups.frame.crs, plan->groups.frame.geotransform,
                                &plan->frame, error);
    if (status != VDT_OK)
        return status;
    report->block_size = plan->groups.block_metres[0];
    report->split_by = plan->groups.by;
    bool stored = writer != NULL && strcmp(vdt_writer_split(writer), "{}") != 0;
    if (stored && !plan->groups.split)
        snprintf(
            report->warning, sizeof report->warning,
            "the store is split, but these samples all go to %.64s: they may share ground with "
            "other groups",
            plan->groups.names[0]);
    else if (writer != NULL && !stored && plan->groups.split && vdt_writer_total(writer) > 0)
        snprintf(
            report->warning, sizeof report->warning,
            "the samples that are in the store already were not split by this rule: groups may "
            "share ground with them");
    report->group_count = plan->groups.count;
    for (size_t i = 0; i < plan->groups.count && i < 64; i++)
        memcpy(report->groups[i].name, plan->groups.names[i], 64);
    return VDT_OK;
}
