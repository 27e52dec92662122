/* Joined scenes in the store's attributes; series and times in the samples' metadata. */
#include "feed/scene_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "feed/plan_steps.h"

static const char *const kinds[] = {[VDT_SCENE_MOSAIC] = "mosaic",
                                    [VDT_SCENE_STACK] = "stack",
                                    [VDT_SCENE_EXTRA] = "extra",
                                    [VDT_SCENE_TIMES] = "times"};

/* --- what scenes are made of ------------------------------------------------------------------ */

static json_t *part_json(const struct vdt_plan *plan, const struct vdt_scene_recipe *recipe)
{
    json_t *object = json_pack("{s:s, s:i, s:i}", "digest", recipe->info.digest, "col",
                               (int)recipe->col, "row", (int)recipe->row);
    if (recipe->info.acquired[0] != '\0')
        json_object_set_new(object, "acquired", json_string(recipe->info.acquired));
    if (recipe->kind == VDT_SCENE_FILE) {
        vdt_cleanup(vdt_free_pointer) char *uri =
            vdt_path_relative(recipe->path, plan->options->store);
        json_object_set_new(object, "uri", json_string(uri == NULL ? "" : uri));
        return object;
    }
    json_t *members = json_array();
    for (size_t i = 0; i < recipe->member_count; i++)
        json_array_append_new(members, part_json(plan, &recipe->members[i]));
    json_object_set_new(object, "join", json_string(kinds[recipe->kind]));
    json_object_set_new(object, "members", members);
    return object;
}

static vdt_status keep_members(const struct vdt_plan *plan, struct vdt_writer *writer,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *all = NULL;
    vdt_status status =
        vdt_json_parse(vdt_writer_scene_members(writer), "attribute scene_members", &all, error);
    if (status == VDT_OK && !json_is_object(all))
        return vdt_fail(error, VDT_ERR_FORMAT, "attribute scene_members is not an object");
    if (status != VDT_OK)
        return status;
    for (size_t i = 0; i < plan->scene_count; i++) {
        const struct vdt_plan_scene *scene = &plan->scenes[i];
        if (scene->recipe->kind == VDT_SCENE_FILE)
            continue;
        json_t *object = part_json(plan, scene->recipe);
        json_object_del(object, "digest"); /* its key */
        json_object_del(object, "col");
        json_object_del(object, "row");
        json_object_set_new(all, scene->digest, object);
    }
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(all);
    return text == NULL ? vdt_fail_memory(error, "scene_members")
                        : vdt_writer_set_scene_members(writer, text, error);
}

/* --- the time axis ---------------------------------------------------------------------------- */

static json_t *times_json(const struct vdt_scene_recipe *recipe)
{
    json_t *times = json_array();
    for (size_t i = 0; i < recipe->member_count; i++)
        json_array_append_new(times, json_string(recipe->members[i].info.acquired));
    return times;
}

/* A time that is not that of all scenes is no time of the store. */
static vdt_status keep_times(const struct vdt_plan *plan, struct vdt_writer *writer,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *all = NULL;
    vdt_status status = vdt_json_parse(vdt_writer_times(writer), "attribute times", &all, error);
    for (size_t i = 0; status == VDT_OK && i < plan->scene_count; i++) {
        vdt_cleanup(vdt_json_release) json_t *own = times_json(plan->scenes[i].recipe);
        if (json_array_size(all) == 0)
            json_array_extend(all, own);
        for (size_t k = 0; k < json_array_size(all); k++)
            if (!json_equal(json_array_get(all, k), json_array_get(own, k)))
                json_array_set_new(all, k, json_string(""));
    }
    vdt_cleanup(vdt_free_pointer) char *text = status == VDT_OK ? vdt_json_text(all) : NULL;
    if (status == VDT_OK && text == NULL)
        status = vdt_fail_memory(error, "times");
    return status == VDT_OK ? vdt_writer_set_times(writer, text, error) : status;
}

vdt_status vdt_scene_parts_keep(const struct vdt_plan *plan, struct vdt_writer *writer,
                                struct vdt_error *error)
{
    vdt_status status = keep_members(plan, writer, error);
    return status == VDT_OK && plan->times > 0 ? keep_times(plan, writer, error) : status;
}

vdt_status vdt_plan_check_times(const struct vdt_plan *plan, const struct vdt_writer *writer,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *all = NULL;
    bool unknown = plan->options->join == VDT_JOIN_TIMES && plan->times == 0;
    if (writer == NULL || unknown) /* unknown: no scene could be opened, which is said elsewhere */
        return VDT_OK;
    vdt_status status = vdt_json_parse(vdt_writer_times(writer), "attribute times", &all, error);
    if (status == VDT_OK && !json_is_array(all))
        return vdt_fail(error, VDT_ERR_FORMAT, "attribute times is not a list");
    if (status != VDT_OK || json_array_size(all) == plan->times)
        return status;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: its images have a time axis of %zu, this feed's of %zu (0: none)",
                    plan->options->store, json_array_size(all), plan->times);
}

/* --- samples ---------------------------------------------------------------------------------- */

static vdt_status join_series(struct vdt_plan *plan, struct vdt_plan_scene *planned,
                              const struct vdt_scene_info *info, struct vdt_error *error)
{
    char why[240] = "";
    if (info->georef != VDT_GEOREF_AFFINE)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: a series needs a grid on the ground: name one with --resolution (and "
                        "--crs)",
                        planned->path);
    if (plan->series.crs == NULL) {
        plan->series = *info;
        plan->series.crs = planned->crs_wkt;
    }
    vdt_grid_compare(&plan->series, info, &planned->series_col, &planned->series_row, why);
    return why[0] == '\0' ? VDT_OK
                          : vdt_fail(error, VDT_ERR_MISMATCH,
                                     "%s: is not on the grid of %s: %s: name a grid for both with "
                                     "--resolution (and --crs)",
                                     planned->path, plan->scenes[0].path, why);
}

vdt_status vdt_plan_link(struct vdt_plan *plan, struct vdt_plan_scene *planned,
                         const struct vdt_scene_info *info, struct vdt_error *error)
{
    if (plan->options->join == VDT_JOIN_SERIES)
        return join_series(plan, planned, info, error);
    if (planned->recipe->kind != VDT_SCENE_TIMES)
        return VDT_OK;
    vdt_cleanup(vdt_json_release) json_t *object =
        json_pack("{s:o}", "times", times_json(planned->recipe));
    planned->metadata = object == NULL ? NULL : vdt_json_text(object);
    return planned->metadata == NULL ? vdt_fail_memory(error, planned->path) : VDT_OK;
}

/* The ground of a window, in thousandths of a pixel: the same for every scene of the grid, and for
 * every feed whose scenes are on it. */
static void series_id(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                      const struct vdt_window *window, char id[17])
{
    char text[240];
    unsigned char sum[32];
    const double *g = plan->series.geotransform;
    double wide = hypot(g[1], g[4]), high = hypot(g[2], g[5]);
    double col = (double)planned->series_col + window->col;
    double row = (double)planned->series_row + window->row;
    int length = snprintf(text, sizeof text, "%.9g %.9g %.9g %.9g %lld %lld %d %d", g[1], g[2],
                          g[4], g[5], llround((g[0] + col * g[1] + row * g[2]) / wide * 1000),
                          llround((g[3] + col * g[4] + row * g[5]) / high * 1000), window->cols,
                          window->rows);
    struct vdt_sha256 *sha = vdt_sha256_new();
    memset(sum, 0, sizeof sum);
    if (sha != NULL) {
        vdt_sha256_add(sha, plan->series.crs, strlen(plan->series.crs));
        vdt_sha256_add(sha, text, (size_t)length);
        vdt_sha256_finish(sha, sum);
    }
    vdt_hex(sum, 8, id);
}

const char *vdt_window_metadata(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                                const struct vdt_window *window, char text[VDT_LINK_TEXT])
{
    char id[17];
    if (plan->options->join != VDT_JOIN_SERIES)
        return planned->metadata;
    series_id(plan, planned, window, id);
    bool known = planned->acquired[0] != '\0'; /* made of digits, '-', ':' and 'T' only */
    snprintf(text, VDT_LINK_TEXT, "{\"series\":\"%s\",\"time\":%s%s%s}", id, known ? "\"" : "",
             known ? planned->acquired : "null", known ? "\"" : "");
    return text;
}
