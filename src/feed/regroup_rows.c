/* The samples of a store, their places, and the rule that divides them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "feed/group_of.h"
#include "feed/regroup.h"

void vdt_regroup_rule_clear(struct vdt_regroup_rule *rule)
{
    vdt_groups_clear(&rule->groups);
    vdt_frame_free(rule->frame);
    rule->frame = NULL;
}

void vdt_regroup_clear(struct vdt_regroup *regroup)
{
    vdt_scene_free(regroup->scene);
    vdt_regroup_rule_clear(&regroup->rule);
    vdt_regroup_rule_clear(&regroup->fold_rule);
    free(regroup->rows);
    vdt_reader_free(regroup->reader);
}

vdt_status vdt_regroup_read(struct vdt_regroup *regroup, struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    const char *path = vdt_reader_path(reader);
    uint64_t total = 0;
    for (size_t g = 0; g < vdt_reader_group_count(reader); g++)
        total += vdt_reader_count(reader, g);
    regroup->rows = vdt_allocate_zero((size_t)total, sizeof *regroup->rows);
    if (regroup->rows == NULL)
        return vdt_fail_memory(error, path);
    for (uint32_t g = 0; g < vdt_reader_group_count(reader); g++)
        for (uint64_t i = 0; i < vdt_reader_count(reader, g); i++) {
            struct vdt_sample sample;
            vdt_status status = vdt_reader_sample(reader, g, i, &sample, NULL, error);
            if (status != VDT_OK)
                return status;
            if (sample.scene >= vdt_reader_scene_count(reader) ||
                sample.crs >= vdt_reader_crs_count(reader) || sample.window.cols < 1 ||
                sample.window.rows < 1)
                return vdt_fail(error, VDT_ERR_FORMAT,
                                "%s: sample %.63s has no window, or names a scene or CRS that is "
                                "not there",
                                path, sample.key);
            regroup->rows[regroup->count++] = (struct vdt_regroup_row){.index = i,
                                                                       .at = i,
                                                                       .group = g,
                                                                       .scene = sample.scene,
                                                                       .to = (int32_t)g,
                                                                       .fold = VDT_NO_FOLD};
        }
    regroup->report->samples = regroup->count;
    return VDT_OK;
}

/* --- places ------------------------------------------------------------------------------- */

static bool is_invertible(const double g[6])
{
    double determinant = g[1] * g[5] - g[2] * g[4];
    return isfinite(g[0] + g[3] + determinant) && determinant != 0;
}

/* The geotransform of the grid that a tile is a window of. */
static void scene_corner(const struct vdt_sample *sample, double g[6])
{
    memcpy(g, sample->geotransform, sizeof sample->geotransform);
    g[0] -= sample->window.col * g[1] + sample->window.row * g[2];
    g[3] -= sample->window.col * g[4] + sample->window.row * g[5];
}

/* Whether the two grids are one, up to the rounding of corners. */
static bool same_grid(const double a[6], const double b[6])
{
    double pixel = fmax(fabs(a[1]) + fabs(a[2]), fabs(a[4]) + fabs(a[5]));
    return memcmp(&a[1], &b[1], 16) == 0 && memcmp(&a[4], &b[4], 16) == 0 &&
           fabs(a[0] - b[0]) < 1e-6 * pixel && fabs(a[3] - b[3]) < 1e-6 * pixel;
}

static vdt_status open_scene(struct vdt_regroup *regroup, const struct vdt_scene_grid *grid,
                             struct vdt_error *error)
{
    vdt_scene_free(regroup->scene);
    regroup->scene = NULL;
    return vdt_scene_open_grid(grid, &regroup->scene, error);
}

/* A tile that has no grid of its own but bounds: the window is all of a grid in degrees. */
static vdt_status open_bounds(struct vdt_regroup *regroup, struct vdt_regroup_sample *sample,
                              struct vdt_scene_grid *grid, struct vdt_error *error)
{
    const double *b = sample->row.bounds;
    struct vdt_window *window = &sample->window;
    double east = b[2] + (b[2] < b[0] ? 360 : 0);
    const double g[6] = {b[0], (east - b[0]) / window->cols, 0, b[3],
                         0,    (b[1] - b[3]) / window->rows};
    window->col = window->row = 0;
    grid->geotransform = g;
    grid->crs = "EPSG:4326";
    regroup->corner[1] = NAN; /* not to be used again */
    return open_scene(regroup, grid, error);
}

vdt_status vdt_regroup_look(struct vdt_regroup *regroup, const struct vdt_regroup_row *row,
                            struct vdt_regroup_sample *sample, struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    vdt_status status =
        vdt_reader_sample(reader, row->group, row->index, &sample->row, NULL, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_record record = vdt_reader_scene(reader, row->scene);
    struct vdt_scene_grid grid = {.name = record.uri,
                                  .cols = record.cols > 0 ? record.cols : 1,
                                  .rows = record.rows > 0 ? record.rows : 1,
                                  .crs = vdt_reader_crs(reader, sample->row.crs)};
    const double *b = sample->row.bounds;
    bool affine = is_invertible(sample->row.geotransform);
    double corner[6] = {0};
    sample->window = sample->row.window;
    sample->digest = record.digest;
    sample->acquired = record.acquired;
    if (!affine && isfinite(b[0] + b[1] + b[2] + b[3])) {
        status = open_bounds(regroup, sample, &grid, error);
        sample->scene = regroup->scene;
        return status;
    }
    if (affine)
        scene_corner(&sample->row, corner);
    bool known = regroup->scene != NULL && regroup->scene_row == row->scene &&
                 regroup->crs_row == sample->row.crs && same_grid(regroup->corner, corner);
    known = known || (regroup->scene != NULL && !affine && regroup->scene_row == row->scene &&
                      regroup->corner[1] == 0 && regroup->corner[2] == 0);
    if (!known) {
        grid.geotransform = affine ? corner : NULL;
        if (!affine)
            grid.crs = "";
        status = open_scene(regroup, &grid, error);
        regroup->scene_row = row->scene;
        regroup->crs_row = sample->row.crs;
        memcpy(regroup->corner, corner, sizeof corner);
    }
    sample->scene = regroup->scene;
    return status;
}

/* --- values of fields ----------------------------------------------------------------------- */

void vdt_regroup_values_clear(struct vdt_regroup_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->texts[i]);
    free(values->texts);
    *values = (struct vdt_regroup_values){0};
}

/* Texts as they are, numbers as JSON writes them. */
static bool add_value(struct vdt_regroup_values *values, const json_t *value)
{
    char *text = json_is_string(value)   ? vdt_copy_string(json_string_value(value))
                 : json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY)
                                         : NULL;
    if (text == NULL)
        return !json_is_string(value) && !json_is_number(value);
    if (!vdt_grow(&values->texts, &values->capacity, values->count + 1, sizeof *values->texts)) {
        free(text);
        return false;
    }
    values->texts[values->count++] = text;
    return true;
}

vdt_status vdt_regroup_values(const struct vdt_regroup *regroup, const struct vdt_regroup_row *row,
                              const char *field, struct vdt_regroup_values *values,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *metadata = NULL;
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    vdt_status status = vdt_reader_metadata(regroup->reader, row->group, row->index, &text, error);
    if (status == VDT_OK)
        status = vdt_json_parse(text, "metadata", &metadata, error);
    if (status != VDT_OK)
        return status;
    json_t *value = json_object_get(metadata, field), *item;
    size_t i;
    bool good = add_value(values, value);
    json_array_foreach(value, i, item) good = good && add_value(values, item);
    return good ? VDT_OK : vdt_fail_memory(error, regroup->options->store);
}

vdt_status vdt_regroup_group(struct vdt_regroup *regroup, const struct vdt_regroup_rule *rule,
                             const struct vdt_regroup_row *row, struct vdt_regroup_sample *sample,
                             int *group, struct vdt_error *error)
{
    vdt_cleanup(vdt_regroup_values_clear) struct vdt_regroup_values values = {0};
    vdt_status status = vdt_regroup_look(regroup, row, sample, error);
    if (status == VDT_OK && rule->groups.by == VDT_SPLIT_FIELD)
        status = vdt_regroup_values(regroup, row, rule->groups.field, &values, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_group_query query = {.scene = sample->scene,
                                          .window = &sample->window,
                                          .key = sample->row.key,
                                          .digest = sample->digest,
                                          .acquired = sample->acquired,
                                          .values = (const char *const *)values.texts,
                                          .value_count = values.count};
    *group = vdt_group_of(&rule->groups, rule->frame, &query);
    return VDT_OK;
}

/* --- the rule ----------------------------------------------------------------------------- */

static int64_t gcd(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The row whose scene has the lowest digest: on its grid blocks are counted. */
static const struct vdt_regroup_row *first_row(const struct vdt_regroup *regroup)
{
    const struct vdt_regroup_row *first = NULL;
    const char *lowest = NULL;
    for (size_t i = 0; i < regroup->count; i++) {
        const char *digest = first != NULL && first->scene == regroup->rows[i].scene
                                 ? lowest
                                 : vdt_reader_scene(regroup->reader, regroup->rows[i].scene).digest;
        if (first == NULL || strcmp(digest, lowest) < 0) {
            first = &regroup->rows[i];
            lowest = digest;
        }
    }
    return first;
}

/* Windows of a scene are strides apart: the largest number that divides all distances. */
static vdt_status find_strides(const struct vdt_regroup *regroup, uint32_t scene,
                               const struct vdt_window *window, double stride[2],
                               struct vdt_error *error)
{
    int64_t steps[2] = {0, 0};
    for (size_t i = 0; i < regroup->count; i++) {
        const struct vdt_regroup_row *row = &regroup->rows[i];
        struct vdt_sample sample;
        if (row->scene != scene)
            continue;
        vdt_status status =
            vdt_reader_sample(regroup->reader, row->group, row->index, &sample, NULL, error);
        if (status != VDT_OK)
            return status;
        steps[0] = gcd(steps[0], sample.window.col);
        steps[1] = gcd(steps[1], sample.window.row);
    }
    stride[0] = steps[0] == 0 || steps[0] > window->cols ? window->cols : (double)steps[0];
    stride[1] = steps[1] == 0 || steps[1] > window->rows ? window->rows : (double)steps[1];
    return VDT_OK;
}

static vdt_status find_frame(struct vdt_regroup *regroup, struct vdt_split_frame *frame,
                             struct vdt_split_sizes *sizes, const char **name,
                             struct vdt_error *error)
{
    static const double identity[6] = {0, 1, 0, 0, 0, 1};
    const struct vdt_regroup_row *row = first_row(regroup);
    struct vdt_regroup_sample sample;
    vdt_status status = vdt_regroup_look(regroup, row, &sample, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_info *info = vdt_scene_info(sample.scene);
    bool affine = is_invertible(sample.row.geotransform);
    bool none = info->georef == VDT_GEOREF_NONE;
    *name = vdt_reader_scene(regroup->reader, row->scene).uri;
    *frame = (struct vdt_split_frame){.crs = affine ? info->crs : none ? "" : NULL};
    memcpy(frame->geotransform, affine ? info->geotransform : identity, sizeof identity);
    *sizes = (struct vdt_split_sizes){
        .tile = {sample.window.cols, sample.window.rows},
        .scene = {fmax(info->cols, sample.window.cols), fmax(info->rows, sample.window.rows)}};
    status = find_strides(regroup, row->scene, &sample.window, sizes->stride, error);
    if (status == VDT_OK)
        vdt_split_frame_metres(frame, sizes);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* When the scenes of the samples were acquired, sorted; each must say it. */
static vdt_status find_times(const struct vdt_regroup *regroup, struct vdt_split_sizes *sizes,
                             struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    size_t scenes = vdt_reader_scene_count(reader);
    vdt_cleanup(vdt_free_pointer) bool *used = vdt_allocate_zero(scenes, sizeof *used);
    sizes->times = vdt_allocate_zero(scenes, sizeof *sizes->times);
    if (used == NULL || sizes->times == NULL)
        return vdt_fail_memory(error, regroup->options->store);
    for (size_t i = 0; i < regroup->count; i++)
        used[regroup->rows[i].scene] = true;
    for (size_t i = 0; i < scenes; i++) {
        const struct vdt_scene_record record = vdt_reader_scene(reader, i);
        if (used[i] && !vdt_time_read(record.acquired, sizes->times[sizes->time_count++]))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: the scene %.400s does not say when it was acquired, so a split by "
                            "time has no group for it",
                            regroup->options->store, record.uri);
    }
    if (sizes->time_count > 0)
        qsort(sizes->times, sizes->time_count, sizeof *sizes->times, by_text);
    return VDT_OK;
}

vdt_status vdt_regroup_rule_make(struct vdt_regroup *regroup, const struct vdt_split_share *shares,
                                 size_t count, uint64_t seed, struct vdt_regroup_rule *rule,
                                 struct vdt_error *error)
{
    const struct vdt_split_options *options = regroup->options;
    struct vdt_split_frame frame = {0};
    struct vdt_split_sizes sizes = {0};
    const char *name = "";
    vdt_status status = find_frame(regroup, &frame, &sizes, &name, error);
    if (status == VDT_OK && options->split_by == VDT_SPLIT_TIME)
        status = find_times(regroup, &sizes, error);
    vdt_cleanup(vdt_free_pointer) void *times = sizes.times;
    if (status != VDT_OK)
        return status;
    const struct vdt_feed_options asked = {.store = options->store,
                                           .images = &name,
                                           .image_count = 1,
                                           .split = shares,
                                           .split_count = count,
                                           .split_by = options->split_by,
                                           .split_field = options->split_field,
                                           .split_periods = options->split_periods,
                                           .split_period_count = options->split_period_count,
                                           .block_size = options->block_size,
                                           .split_gap = options->split_gap,
                                           .seed = seed};
    status = vdt_groups_make(&rule->groups, &asked, "{}", &frame, &sizes, error);
    if (status == VDT_OK && rule->groups.by == VDT_SPLIT_BLOCK)
        status = vdt_frame_open(rule->groups.frame.crs, rule->groups.frame.geotransform,
                                &rule->frame, error);
    regroup->report->block_size = rule->groups.block_metres[0];
    return status;
}
