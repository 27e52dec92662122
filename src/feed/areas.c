/* The areas of a split. */
#include "feed/areas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "feed/aoi.h"
#include "store/layout.h"

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

/* What tells whether a file is the same: of what is no plain file, its name. */
static vdt_status digest_file(const char *path, char digest[33], struct vdt_error *error)
{
    unsigned char sum[32], bytes[4096];
    struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_cleanup(close_file) FILE *file = fopen(path, "rb");
    if (sha == NULL)
        return vdt_fail_memory(error, path);
    if (file == NULL)
        vdt_sha256_add(sha, path, strlen(path));
    for (size_t got; file != NULL && (got = fread(bytes, 1, sizeof bytes, file)) > 0;)
        vdt_sha256_add(sha, bytes, got);
    bool failed = file != NULL && ferror(file) != 0;
    vdt_sha256_finish(sha, sum);
    vdt_hex(sum, 16, digest);
    return failed ? vdt_fail_errno(error, path) : VDT_OK;
}

vdt_status vdt_areas_take(struct vdt_groups *groups, const struct vdt_feed_options *options,
                          struct vdt_error *error)
{
    size_t count = options->split_area_count;
    if (count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split into %zu groups; at most %d", count,
                        VDT_SPLIT_MAX);
    groups->split = true;
    groups->by = VDT_SPLIT_AREAS;
    groups->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *path = options->split_areas[i];
        vdt_cleanup(vdt_free_pointer) char *stem = vdt_path_stem(path);
        groups->areas[i] = vdt_copy_string(path);
        groups->area_uris[i] = vdt_path_relative(path, options->store);
        if (stem == NULL || groups->areas[i] == NULL || groups->area_uris[i] == NULL)
            return vdt_fail_memory(error, path);
        if (!vdt_group_name_valid(stem))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: its name is that of a group, so letters, digits, '_' and '-' "
                            "only, and not views, scenes, crs: name it like train.geojson",
                            path);
        snprintf(groups->names[i], sizeof groups->names[i], "%s", stem);
        groups->shares[i] = 1.0 / (double)count;
        for (size_t k = 0; k < i; k++)
            if (strcmp(groups->names[k], groups->names[i]) == 0)
                return vdt_fail(error, VDT_ERR_ARGUMENT,
                                "%s: a second file of that name: put all polygons of group %s into "
                                "one file",
                                path, groups->names[i]);
        vdt_status status = digest_file(path, groups->digests[i], error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

/* A name in the store is relative to the store's folder, unless it is no plain file's. */
static char *from_store(const char *store, const char *name)
{
    const char *slash = strrchr(store, '/');
    if (slash == NULL || name[0] == '/' || strpbrk(name, ":<{?") != NULL)
        return vdt_copy_string(name);
    size_t folder = (size_t)(slash - store) + 1, size = folder + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%.*s%s", (int)folder, store, name);
    return path;
}

vdt_status vdt_areas_parse(struct vdt_groups *groups, const json_t *split, const char *store,
                           struct vdt_error *error)
{
    const json_t *list = json_object_get(split, "areas");
    for (size_t i = 0; i < groups->count; i++) {
        const json_t *area = json_array_get(list, i);
        const char *file = json_string_value(json_object_get(area, "file"));
        const char *digest = json_string_value(json_object_get(area, "digest"));
        if (file == NULL || digest == NULL || strlen(digest) != 32)
            return vdt_fail(error, VDT_ERR_FORMAT, "the store's split has no area of group %s",
                            groups->names[i]);
        groups->areas[i] = from_store(store, file);
        groups->area_uris[i] = vdt_copy_string(file);
        if (groups->areas[i] == NULL || groups->area_uris[i] == NULL)
            return vdt_fail_memory(error, "split");
        memcpy(groups->digests[i], digest, 33);
    }
    return VDT_OK;
}

json_t *vdt_areas_json(const struct vdt_groups *groups)
{
    json_t *list = json_array();
    for (size_t i = 0; i < groups->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "file", groups->area_uris[i], "digest",
                                              groups->digests[i]));
    return list;
}

vdt_status vdt_areas_open(struct vdt_plan *plan, struct vdt_error *error)
{
    const struct vdt_groups *groups = &plan->groups;
    if (!groups->split || groups->by != VDT_SPLIT_AREAS)
        return VDT_OK;
    for (size_t i = 0; i < groups->count; i++) {
        char digest[33];
        const char *path = groups->areas[i];
        vdt_status status =
            vdt_labels_open(&path, 1, &(struct vdt_label_options){.format = VDT_LABELS_OGR},
                            &plan->areas[i], error);
        if (status == VDT_OK)
            status = digest_file(path, digest, error);
        if (status != VDT_OK)
            return status;
        if (strcmp(digest, groups->digests[i]) != 0)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: is not the area that the store was split by: bring that file "
                            "back, or name a --group",
                            path);
    }
    return VDT_OK;
}

vdt_status vdt_areas_project(const struct vdt_plan *plan, struct vdt_scene *scene,
                             struct vdt_plan_scene *planned, struct vdt_error *error)
{
    if (plan->areas[0] == NULL)
        return VDT_OK;
    planned->areas = vdt_allocate_zero(plan->groups.count, sizeof *planned->areas);
    if (planned->areas == NULL)
        return vdt_fail_memory(error, planned->path);
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < plan->groups.count; i++) {
        struct vdt_plan_area *area = &planned->areas[i];
        status = vdt_labels_project(plan->areas[i], scene, false, &area->geometry, error);
        if (status == VDT_OK)
            status = vdt_index_geometry(&area->geometry, &area->index, error);
    }
    return status;
}

vdt_status vdt_areas_group(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                           const struct vdt_window *window, int *group, struct vdt_error *error)
{
    vdt_cleanup(vdt_aoi_view_clear) struct vdt_aoi_view view = {0};
    const uint64_t size = (uint64_t)window->cols * (uint64_t)window->rows;
    int whole = VDT_SPLIT_NONE, some = VDT_SPLIT_NONE;
    *group = VDT_SPLIT_NONE;
    for (int i = 0; i < (int)plan->groups.count; i++) {
        const struct vdt_plan_area *area = &planned->areas[i];
        uint64_t pixels;
        vdt_status status =
            vdt_area_pixels(&view, &area->geometry, area->index, window, &pixels, error);
        if (status != VDT_OK)
            return status;
        if (pixels == size && whole == VDT_SPLIT_NONE)
            whole = i;
        else if (pixels > 0)
            some = i;
    }
    if (whole != VDT_SPLIT_NONE && some != VDT_SPLIT_NONE)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: window col %d row %d %dx%d: lies in the areas of %s and of %s (%s, "
                        "%s), which must not overlap",
                        planned->path, window->col, window->row, window->cols, window->rows,
                        plan->groups.names[whole], plan->groups.names[some],
                        plan->groups.areas[whole], plan->groups.areas[some]);
    *group = whole;
    return VDT_OK;
}

void vdt_areas_clear(struct vdt_plan *plan)
{
    for (size_t s = 0; s < plan->scene_count; s++) {
        struct vdt_plan_area *areas = plan->scenes[s].areas;
        for (size_t i = 0; areas != NULL && i < plan->groups.count; i++) {
            vdt_geometry_clear(&areas[i].geometry);
            vdt_index_free(areas[i].index);
        }
        free(areas);
    }
    for (int i = 0; i < VDT_SPLIT_MAX; i++)
        vdt_labels_free(plan->areas[i]);
}
