/* How several files become one scene: which grid, where each lies on it, whose bands. */
#include <cpl_string.h>
#include <gdal_alg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/recipe_file.h"

static const char *const kinds[] = {[VDT_SCENE_FILE] = "file",
                                    [VDT_SCENE_MOSAIC] = "mosaic",
                                    [VDT_SCENE_STACK] = "stack",
                                    [VDT_SCENE_EXTRA] = "extra",
                                    [VDT_SCENE_TIMES] = "times"};
static const enum vdt_scene_kind kind_of[] = {[VDT_JOIN_NONE] = VDT_SCENE_FILE,
                                              [VDT_JOIN_MOSAIC] = VDT_SCENE_MOSAIC,
                                              [VDT_JOIN_STACK] = VDT_SCENE_STACK,
                                              [VDT_JOIN_TIMES] = VDT_SCENE_TIMES,
                                              [VDT_JOIN_SERIES] = VDT_SCENE_FILE};

char *vdt_scene_recipe_name(const char *const *paths, size_t count, enum vdt_join join, size_t most)
{
    struct vdt_buffer text = {0};
    enum vdt_scene_kind kind = kind_of[join];
    if (count == 1 && kind != VDT_SCENE_TIMES)
        return vdt_copy_string(paths[0]);
    bool good = vdt_buffer_append(&text, kinds[kind], strlen(kinds[kind]));
    for (size_t i = 0; good && i < count && i < most; i++)
        good = vdt_buffer_append(&text, i == 0 ? "(" : ", ", i == 0 ? 1 : 2) &&
               vdt_buffer_append(&text, paths[i], strlen(paths[i]));
    char end[48];
    int length = snprintf(end, sizeof end, count > most ? ", ... %zu files)" : ")", count);
    if (!good || !vdt_buffer_append(&text, end, (size_t)length + 1))
        vdt_buffer_clear(&text);
    return (char *)text.data;
}

int vdt_recipe_overview(const struct vdt_scene_recipe *recipe, const char *path)
{
    int overview = 0;
    if (recipe->kind == VDT_SCENE_FILE)
        return path == NULL || strcmp(recipe->path, path) == 0 ? recipe->overview : 0;
    for (size_t i = 0; i < recipe->member_count && overview == 0; i++)
        overview = vdt_recipe_overview(&recipe->members[i], path);
    return overview;
}

/* --- one grid ------------------------------------------------------------------------------- */

/* Placed by control points or RPC, a file has no grid to join. */
static vdt_status check_georef(const struct vdt_scene_recipe *file,
                               const struct vdt_scene_rules *rules, struct vdt_error *error)
{
    enum vdt_georef georef = file->info.georef;
    if (rules->resolution[0] > 0 || georef == VDT_GEOREF_NONE || georef == VDT_GEOREF_AFFINE)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: is placed by %s, so it has no grid to be joined on: name one with "
                    "--resolution (and --crs)",
                    file->path, georef == VDT_GEOREF_GCP ? "ground control points" : "RPC");
}

static vdt_status fail_grid(const struct vdt_scene_recipe *first,
                            const struct vdt_scene_recipe *file, const char *why,
                            struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: is not on the grid of %s: %s: name a grid for both with --resolution (and "
                    "--crs)",
                    file->path, first->path, why);
}

/* --- members --------------------------------------------------------------------------------- */

static vdt_status learn_file(const char *path, const struct vdt_scene_rules *rules,
                             struct vdt_scene_recipe *made, struct vdt_error *error)
{
    vdt_status status = vdt_recipe_file(path, rules, made, error);
    if (status == VDT_OK)
        status = vdt_recipe_learn(made, rules, error);
    return status == VDT_OK ? check_georef(made, rules, error) : status;
}

/* A member of a mosaic or of times, on the grid of the first. */
static vdt_status place_member(const char *path, const struct vdt_scene_rules *rules,
                               const struct vdt_scene_recipe *first, struct vdt_scene_recipe *made,
                               struct vdt_error *error)
{
    char why[240];
    struct vdt_scene_rules mine = *rules;
    if (mine.crs == NULL && first->info.crs[0] != '\0')
        mine.crs = first->info.crs;
    vdt_status status = learn_file(path, &mine, made, error);
    if (status != VDT_OK)
        return status;
    vdt_grid_compare(&first->info, &made->info, &made->col, &made->row, why);
    return why[0] == '\0' ? VDT_OK : fail_grid(first, made, why, error);
}

/* A member of a stack: as it is where that is the grid already, else resampled to it. */
static vdt_status fit_member(const char *path, const struct vdt_scene_rules *rules,
                             const struct vdt_scene_recipe *first, struct vdt_scene_recipe *made,
                             struct vdt_error *error)
{
    char why[240];
    const struct vdt_scene_info *info = &first->info;
    const struct vdt_scene_rules as_is = {.pixels = rules->pixels};
    vdt_status status = vdt_recipe_file(path, &as_is, made, error);
    if (status == VDT_OK)
        status = vdt_recipe_learn(made, rules, error);
    if (status == VDT_OK)
        status = check_georef(made, rules, error);
    if (status != VDT_OK)
        return status;
    vdt_grid_compare(info, &made->info, &made->col, &made->row, why);
    if (why[0] == '\0')
        return VDT_OK;
    bool placed = made->info.georef != VDT_GEOREF_NONE && info->georef == VDT_GEOREF_AFFINE;
    if (!placed || (made->info.crs[0] == '\0') != (info->crs[0] == '\0'))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: cannot be resampled to the grid of %s: %s",
                        path, first->path, why);
    vdt_scene_recipe_clear(made);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs =
        info->crs[0] == '\0' ? NULL : vdt_crs_from_text(info->crs);
    struct vdt_warp_grid grid = {.crs = crs, .cols = info->cols, .rows = info->rows};
    memcpy(grid.geotransform, info->geotransform, sizeof grid.geotransform);
    status = vdt_recipe_file_onto(path, &grid, rules, made, error);
    return status == VDT_OK ? vdt_recipe_learn(made, rules, error) : status;
}

/* --- bands ----------------------------------------------------------------------------------- */

static int image_bands(const struct vdt_scene_recipe *member)
{
    int count = 0;
    for (int i = 0; i < member->info.band_count; i++)
        count += !member->bands[i].alpha;
    return count;
}

/* Bands of members one after the other; of extra bands' scene all, so that its own numbers stay. */
static void list_bands(struct vdt_scene_recipe *recipe)
{
    int count = 0;
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        bool all = recipe->kind == VDT_SCENE_EXTRA && m == 0;
        for (int i = 0; i < member->info.band_count; i++)
            if (all || !member->bands[i].alpha) {
                recipe->bands[count] = member->bands[i];
                recipe->bands[count].member = m;
                recipe->bands[count++].number = i + 1;
            }
    }
    recipe->info.band_count = count;
}

/* Bands of the first member, wide enough for all. */
static void unite_bands(struct vdt_scene_recipe *recipe)
{
    int count = image_bands(&recipe->members[0]);
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        for (int i = 0, k = 0; i < member->info.band_count && k < count; i++) {
            const struct vdt_joined_band *own = &member->bands[i];
            struct vdt_joined_band *band = &recipe->bands[k];
            if (own->alpha)
                continue;
            k++;
            if (m == 0) {
                *band = *own;
                band->number = i + 1;
                continue;
            }
            band->type = (int)GDALDataTypeUnion((GDALDataType)band->type, (GDALDataType)own->type);
            if (!band->has_nodata && own->has_nodata) {
                band->has_nodata = true;
                band->nodata = own->nodata;
            }
        }
    }
    recipe->info.band_count = count;
}

/* One unit for each band of a mosaic. */
static vdt_status check_scales(const struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    const struct vdt_scene_recipe *first = &recipe->members[0];
    for (size_t m = 1; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        for (int i = 0; i < member->info.band_count && i < first->info.band_count; i++)
            if (member->bands[i].scale != first->bands[i].scale ||
                member->bands[i].offset != first->bands[i].offset)
                return vdt_fail(error, VDT_ERR_MISMATCH,
                                "%s: scale %g and offset %g of band %d, but %s has %g and %g: "
                                "images of a mosaic need the same for --unscale",
                                member->path, member->bands[i].scale, member->bands[i].offset,
                                i + 1, first->path, first->bands[i].scale, first->bands[i].offset);
    }
    return VDT_OK;
}

static vdt_status join_bands(struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    const struct vdt_scene_recipe *first = &recipe->members[0];
    bool same = recipe->kind == VDT_SCENE_MOSAIC || recipe->kind == VDT_SCENE_TIMES;
    size_t room = 0;
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        room += (size_t)member->info.band_count;
        if (same && image_bands(member) != image_bands(first))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: %d bands, but %s has %d: images of a %s need the same bands",
                            member->path, image_bands(member), first->path, image_bands(first),
                            recipe->kind == VDT_SCENE_MOSAIC ? "mosaic" : "time axis");
    }
    recipe->bands = vdt_allocate_zero(room, sizeof *recipe->bands);
    if (recipe->bands == NULL)
        return vdt_fail_memory(error, recipe->path);
    if (recipe->kind == VDT_SCENE_MOSAIC)
        unite_bands(recipe);
    else
        list_bands(recipe);
    return VDT_OK;
}

/* --- the joined scene ------------------------------------------------------------------------ */

/* The ground of all members: moves them so that none begins before the scene. */
static vdt_status unite_ground(struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    struct vdt_scene_info *info = &recipe->info;
    int64_t low[2] = {0, 0}, high[2] = {0, 0};
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        const int64_t start[2] = {member->col, member->row};
        const int64_t size[2] = {member->info.cols, member->info.rows};
        for (int i = 0; i < 2; i++) {
            low[i] = m == 0 || start[i] < low[i] ? start[i] : low[i];
            high[i] = m == 0 || start[i] + size[i] > high[i] ? start[i] + size[i] : high[i];
        }
    }
    if (high[0] - low[0] > 1 << 30 || high[1] - low[1] > 1 << 30)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: together %lld x %lld pixels: they are too far apart for one scene",
                        recipe->path, (long long)(high[0] - low[0]), (long long)(high[1] - low[1]));
    for (size_t m = 0; m < recipe->member_count; m++) {
        recipe->members[m].col -= (int32_t)low[0];
        recipe->members[m].row -= (int32_t)low[1];
    }
    info->cols = (int32_t)(high[0] - low[0]);
    info->rows = (int32_t)(high[1] - low[1]);
    double *g = info->geotransform;
    g[0] += (double)low[0] * g[1] + (double)low[1] * g[2];
    g[3] += (double)low[0] * g[4] + (double)low[1] * g[5];
    return VDT_OK;
}

static vdt_status add_digest(struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    unsigned char sum[32];
    char line[96];
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, recipe->path);
    vdt_sha256_add(sha, kinds[recipe->kind], strlen(kinds[recipe->kind]));
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_recipe *member = &recipe->members[m];
        int length = snprintf(line, sizeof line, "\n%s %d %d", member->info.digest, member->col,
                              member->row);
        vdt_sha256_add(sha, line, (size_t)length);
    }
    vdt_sha256_finish(sha, sum);
    vdt_hex(sum, 16, recipe->info.digest);
    return VDT_OK;
}

/* Makes one scene of the members; `reference` has the grid that they are placed on. */
static vdt_status finish(struct vdt_scene_recipe *recipe, const struct vdt_scene_info *reference,
                         struct vdt_error *error)
{
    struct vdt_scene_info *info = &recipe->info;
    bool extra = recipe->kind == VDT_SCENE_EXTRA;
    *info = *reference;
    info->bytes = 0;
    info->acquired[0] = '\0';
    info->crs = vdt_copy_string(reference->crs);
    if (info->crs == NULL)
        return vdt_fail_memory(error, recipe->path);
    for (size_t m = 0; m < recipe->member_count; m++) {
        const struct vdt_scene_info *member = &recipe->members[m].info;
        info->bytes += member->bytes;
        bool earlier = info->acquired[0] == '\0' || strcmp(member->acquired, info->acquired) < 0;
        if ((!extra || m == 0) && member->acquired[0] != '\0' && earlier)
            memcpy(info->acquired, member->acquired, sizeof info->acquired);
    }
    vdt_status status = VDT_OK;
    if (recipe->kind == VDT_SCENE_MOSAIC || recipe->kind == VDT_SCENE_TIMES)
        status = unite_ground(recipe, error);
    if (status == VDT_OK)
        status = join_bands(recipe, error);
    return status == VDT_OK ? add_digest(recipe, error) : status;
}

static vdt_status begin(struct vdt_scene_recipe *recipe, enum vdt_scene_kind kind, const char *path,
                        size_t count, struct vdt_error *error)
{
    *recipe =
        (struct vdt_scene_recipe){.kind = kind,
                                  .path = vdt_copy_string(path),
                                  .members = vdt_allocate_zero(count, sizeof *recipe->members)};
    recipe->member_count = recipe->members == NULL ? 0 : count;
    return recipe->path == NULL || recipe->members == NULL ? vdt_fail_memory(error, path) : VDT_OK;
}

/* Puts the extra files behind a scene, which becomes the first member. */
static vdt_status add_extras(struct vdt_scene_recipe *recipe, const struct vdt_scene_rules *rules,
                             struct vdt_error *error)
{
    struct vdt_scene_rules mine = *rules;
    if (rules->extra_count == 0)
        return VDT_OK;
    mine.pixels = NULL; /* what is stated about the scene's pixels is not about theirs */
    vdt_cleanup(vdt_scene_recipe_clear) struct vdt_scene_recipe made = {0};
    vdt_status status = begin(&made, VDT_SCENE_EXTRA, recipe->path, rules->extra_count + 1, error);
    if (status != VDT_OK)
        return status;
    made.col = recipe->col;
    made.row = recipe->row;
    made.members[0] = *recipe;
    made.members[0].col = made.members[0].row = 0;
    *recipe = (struct vdt_scene_recipe){0};
    for (size_t i = 0; status == VDT_OK && i < rules->extra_count; i++)
        status = fit_member(rules->extras[i], &mine, &made.members[0], &made.members[i + 1], error);
    if (status == VDT_OK)
        status = finish(&made, &made.members[0].info, error);
    if (status != VDT_OK)
        return status;
    *recipe = made;
    made = (struct vdt_scene_recipe){0};
    return VDT_OK;
}

/* --- dates ----------------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
    const struct vdt_scene_recipe *first = a, *second = b;
    return strcmp(first->info.acquired, second->info.acquired);
}

static vdt_status order_times(struct vdt_scene_recipe *recipe, char warning[200],
                              struct vdt_error *error)
{
    struct vdt_scene_recipe *dates = recipe->members;
    size_t count = recipe->member_count;
    for (size_t i = 0; i < count; i++)
        if (dates[i].info.acquired[0] == '\0') {
            if (warning[0] == '\0')
                snprintf(warning, 200,
                         "%.100s does not say when it was taken: times are in the "
                         "order of the command",
                         dates[i].path);
            return VDT_OK;
        }
    qsort(dates, count, sizeof *dates, compare_times);
    for (size_t i = 1; i < count; i++)
        if (compare_times(&dates[i - 1], &dates[i]) == 0)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: was taken at %s, as %s was: a time axis has each time once: leave "
                            "one out",
                            dates[i].path, dates[i].info.acquired, dates[i - 1].path);
    return VDT_OK;
}

/* --- all of it ------------------------------------------------------------------------------- */

static vdt_status join_files(const char *const *paths, size_t count,
                             const struct vdt_scene_rules *rules, struct vdt_scene_recipe *recipe,
                             char warning[200], struct vdt_error *error)
{
    enum vdt_scene_kind kind = kind_of[rules->join];
    bool times = kind == VDT_SCENE_TIMES;
    vdt_cleanup(vdt_free_pointer) char *name = vdt_scene_recipe_name(paths, count, rules->join, 3);
    if (name == NULL)
        return vdt_fail_memory(error, paths[0]);
    vdt_status status = begin(recipe, kind, name, count, error);
    if (status == VDT_OK)
        status = learn_file(paths[0], rules, &recipe->members[0], error);
    if (status != VDT_OK)
        return status;
    struct vdt_scene_recipe *first = &recipe->members[0];
    if (kind == VDT_SCENE_MOSAIC && first->info.georef == VDT_GEOREF_NONE)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has no place on the ground, so it cannot be part of a mosaic",
                        paths[0]);
    for (size_t i = 1; status == VDT_OK && i < count; i++)
        status = (kind == VDT_SCENE_STACK ? fit_member : place_member)(paths[i], rules, first,
                                                                       &recipe->members[i], error);
    for (size_t i = 0; status == VDT_OK && times && i < count; i++)
        status = add_extras(&recipe->members[i], rules, error);
    if (status != VDT_OK)
        return status;
    struct vdt_scene_info reference = first->info;
    vdt_cleanup(vdt_free_pointer) char *crs = vdt_copy_string(reference.crs);
    if (crs == NULL)
        return vdt_fail_memory(error, name);
    reference.crs = crs;
    if (times)
        status = order_times(recipe, warning, error);
    for (size_t i = 0; rules->last_on_top && kind == VDT_SCENE_MOSAIC && i < count / 2; i++) {
        struct vdt_scene_recipe kept = recipe->members[i];
        recipe->members[i] = recipe->members[count - 1 - i];
        recipe->members[count - 1 - i] = kept;
    }
    if (status == VDT_OK && kind == VDT_SCENE_MOSAIC && rules->pixels != NULL &&
        rules->pixels->unscale)
        status = check_scales(recipe, error);
    return status == VDT_OK ? finish(recipe, &reference, error) : status;
}

vdt_status vdt_scene_recipe_make(const char *const *paths, size_t count,
                                 const struct vdt_scene_rules *rules,
                                 struct vdt_scene_recipe *recipe, char warning[200],
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_scene_recipe_clear) struct vdt_scene_recipe made = {0};
    bool times = rules->join == VDT_JOIN_TIMES, alone = count == 1 && !times;
    vdt_status status;
    if (alone && rules->extra_count == 0)
        status = vdt_recipe_file(paths[0], rules, &made, error);
    else if (alone)
        status = learn_file(paths[0], rules, &made, error);
    else
        status = join_files(paths, count, rules, &made, warning, error);
    if (status == VDT_OK && !times)
        status = add_extras(&made, rules, error);
    if (status != VDT_OK)
        return status;
    *recipe = made;
    made = (struct vdt_scene_recipe){0};
    return VDT_OK;
}
