/* Opening a store: HDF5 tells where everything lies and is closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/chunk_cache.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/reader_state.h"

enum { OPEN_TRIES = 200 };

static void clear_group(struct vdt_reader_group *group)
{
    for (int a = 0; a < VDT_ARRAYS; a++)
        vdt_extent_clear(&group->extents[a]);
    free(group->box_offsets);
    free(group->text_offsets);
    free(group->name);
}

void vdt_reader_free(struct vdt_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t g = 0; g < reader->group_count; g++)
        clear_group(&reader->groups[g]);
    free(reader->groups);
    vdt_header_clear(&reader->header);
    free(reader->scene_rows);
    free(reader->scenes);
    free(reader->scene_texts);
    free(reader->crs);
    vdt_views_free(reader->views, reader->view_count);
    vdt_file_free(reader->file);
    free(reader->path);
    free(reader);
}

static void cache_cleanup(struct vdt_chunk_cache **cache)
{
    vdt_chunk_cache_free(*cache);
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* The offsets of a group, whole and in order: 0 first, `total` last. */
static vdt_status read_offsets(const struct vdt_reader *reader,
                               const struct vdt_reader_group *group, enum vdt_array array,
                               uint64_t total, uint64_t **out, struct vdt_error *error)
{
    const struct vdt_extent *extent = &group->extents[array];
    if (extent->rows != group->count + 1)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s has %llu rows for %llu samples",
                        reader->path, group->name, vdt_array_path(array),
                        (unsigned long long)extent->rows, (unsigned long long)group->count);
    vdt_cleanup(vdt_free_pointer) uint64_t *offsets = vdt_allocate(extent->rows, 8);
    if (offsets == NULL)
        return vdt_fail_memory(error, reader->path);
    vdt_status status = vdt_reader_rows(reader, (size_t)(group - reader->groups), array, 0,
                                        extent->rows, offsets, error);
    if (status != VDT_OK)
        return status;
    bool rising = offsets[0] == 0 && offsets[group->count] == total;
    for (uint64_t i = 0; rising && i < group->count; i++)
        rising = offsets[i] <= offsets[i + 1];
    if (!rising)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s does not rise from 0 to %llu",
                        reader->path, group->name, vdt_array_path(array),
                        (unsigned long long)total);
    *out = offsets;
    offsets = NULL;
    return VDT_OK;
}

/* Every array of a group has as many rows as there are samples, or boxes, or bytes of text. */
static vdt_status check_counts(const struct vdt_reader *reader, struct vdt_reader_group *group,
                               struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    for (int a = 0; a < VDT_ARRAYS; a++) {
        bool per_box = a >= VDT_BOXES && a <= VDT_BOX_VISIBLE;
        bool other = a == VDT_BOX_OFFSETS || a == VDT_METADATA_OFFSETS || a == VDT_METADATA_TEXT;
        uint64_t wanted = per_box ? group->extents[VDT_BOXES].rows : group->count;
        if (!vdt_array_present(layout, (enum vdt_array)a) || other ||
            group->extents[a].rows == wanted)
            continue;
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s has %llu rows where %llu belong",
                        reader->path, group->name, vdt_array_path((enum vdt_array)a),
                        (unsigned long long)group->extents[a].rows, (unsigned long long)wanted);
    }
    vdt_status status = VDT_OK;
    if (vdt_array_present(layout, VDT_BOXES))
        status = read_offsets(reader, group, VDT_BOX_OFFSETS, group->extents[VDT_BOXES].rows,
                              &group->box_offsets, error);
    if (status == VDT_OK)
        status = read_offsets(reader, group, VDT_METADATA_OFFSETS,
                              group->extents[VDT_METADATA_TEXT].rows, &group->text_offsets, error);
    return status;
}

static vdt_status open_group(struct vdt_reader *reader, hid_t file, struct vdt_chunk_cache *cache,
                             struct vdt_reader_group *group, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_group) hid_t id = H5Gopen2(file, group->name, H5P_DEFAULT);
    const struct vdt_extent_source source = {.file = reader->file,
                                             .cache = cache,
                                             .layout = &reader->header.layout,
                                             .group = id,
                                             .name = group->name};
    vdt_status status = VDT_OK;
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        if (vdt_array_present(source.layout, (enum vdt_array)a))
            status = vdt_extent_read(&group->extents[a], &source, (enum vdt_array)a, error);
    group->count = group->extents[VDT_SAMPLES].rows;
    return status;
}

static vdt_status read_tables(struct vdt_reader *reader, hid_t file, struct vdt_error *error)
{
    void *rows = NULL;
    vdt_status status =
        vdt_table_read(reader->file, file, VDT_TABLE_SCENES, &rows, &reader->scene_count, error);
    if (status != VDT_OK)
        return status;
    reader->scene_rows = rows;
    reader->scenes = vdt_allocate_zero(reader->scene_count, sizeof *reader->scenes);
    reader->scene_texts = vdt_allocate_zero(reader->scene_count, sizeof *reader->scene_texts);
    if (reader->scenes == NULL || reader->scene_texts == NULL)
        return vdt_fail_memory(error, reader->path);
    for (size_t i = 0; i < reader->scene_count; i++) {
        struct vdt_scene_row *row = &reader->scene_rows[i];
        char *digest = reader->scene_texts[i], *acquired = digest + VDT_SCENE_DIGEST + 1;
        row->uri[VDT_SCENE_URI - 1] = '\0';
        memcpy(digest, row->digest, VDT_SCENE_DIGEST);
        memcpy(acquired, row->acquired, VDT_SCENE_ACQUIRED);
        reader->scenes[i] = (struct vdt_scene_record){.uri = row->uri,
                                                      .size = row->size,
                                                      .digest = digest,
                                                      .acquired = acquired,
                                                      .cols = row->cols,
                                                      .rows = row->rows};
    }
    rows = NULL;
    status = vdt_table_read(reader->file, file, VDT_TABLE_CRS, &rows, &reader->crs_count, error);
    reader->crs = rows;
    for (size_t i = 0; status == VDT_OK && i < reader->crs_count; i++)
        reader->crs[i][VDT_CRS_WKT - 1] = '\0';
    return status;
}

static vdt_status read_groups(struct vdt_reader *reader, hid_t file, struct vdt_chunk_cache *cache,
                              struct vdt_error *error)
{
    char **names = NULL;
    size_t count = 0;
    vdt_status status = vdt_header_groups(file, reader->path, &names, &count, error);
    if (status != VDT_OK)
        return status;
    reader->groups = vdt_allocate_zero(count, sizeof *reader->groups);
    if (reader->groups == NULL) {
        vdt_h5_free_texts(names, count);
        return vdt_fail_memory(error, reader->path);
    }
    for (size_t g = 0; g < count; g++)
        reader->groups[g].name = names[g];
    free(names);
    reader->group_count = count;
    for (size_t g = 0; status == VDT_OK && g < count; g++)
        status = open_group(reader, file, cache, &reader->groups[g], error);
    return status;
}

/* A view is of a group that is there and of samples that it has. */
static vdt_status check_view(const struct vdt_reader *reader, const struct vdt_stored_view *view,
                             struct vdt_error *error)
{
    size_t group = 0;
    if (vdt_reader_find_group(reader, view->group, &group, NULL) != VDT_OK)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: /views/%s is of the group \"%.63s\", which is not there", reader->path,
                        view->name, view->group);
    for (uint64_t i = 0; i < view->count; i++)
        if (view->indices[i] >= reader->groups[group].count)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: /views/%s: index %llu is sample %llu of %llu", reader->path,
                            view->name, (unsigned long long)i, (unsigned long long)view->indices[i],
                            (unsigned long long)reader->groups[group].count);
    return VDT_OK;
}

static vdt_status read_content(struct vdt_reader *reader, struct vdt_chunk_cache *cache,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_file) hid_t file = -1;
    vdt_status status = vdt_file_hdf5(reader->file, &file, error);
    if (status == VDT_OK)
        status = vdt_header_read(file, reader->path, &reader->header, error);
    if (status == VDT_OK)
        status = read_tables(reader, file, error);
    if (status == VDT_OK)
        status = read_groups(reader, file, cache, error);
    for (size_t g = 0; status == VDT_OK && g < reader->group_count; g++)
        status = check_counts(reader, &reader->groups[g], error);
    if (status == VDT_OK)
        status = vdt_views_read(reader->file, file, &reader->views, &reader->view_count, error);
    for (size_t v = 0; status == VDT_OK && v < reader->view_count; v++)
        status = check_view(reader, &reader->views[v], error);
    return status;
}

/* What is behind reader->file. */
static vdt_status read_file(struct vdt_reader *reader, bool *moved, struct vdt_error *error)
{
    vdt_cleanup(cache_cleanup) struct vdt_chunk_cache *cache = vdt_chunk_cache_open(reader->file);
    if (cache == NULL)
        return vdt_fail_memory(error, reader->path);
    vdt_status status = read_content(reader, cache, error);
    *moved = vdt_file_changed(reader->file);
    /* HDF5 says only that it could not read; the file or its server said why. */
    const struct vdt_error *reason = vdt_file_failure(reader->file);
    if (status != VDT_OK && reason != NULL)
        return vdt_fail(error, reason->status, "%s", reason->message);
    if (status == VDT_OK && !*moved)
        vdt_chunk_cache_save(cache);
    return status;
}

vdt_status vdt_reader_open_runs(const char *name, const struct vdt_file_run *runs, size_t count,
                                struct vdt_reader **out, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = calloc(1, sizeof *reader);
    bool moved = false;
    if (reader == NULL || (reader->path = vdt_copy_string(name)) == NULL)
        return vdt_fail_memory(error, name);
    vdt_status status = vdt_file_open_runs(name, runs, count, &reader->file, error);
    if (status == VDT_OK)
        status = read_file(reader, &moved, error);
    if (status != VDT_OK)
        return status;
    *out = reader;
    reader = NULL;
    return VDT_OK;
}

static vdt_status try_open(const char *path, struct vdt_reader **out, bool *moved,
                           struct vdt_error *error)
{
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = calloc(1, sizeof *reader);
    *moved = false;
    if (reader == NULL || (reader->path = vdt_copy_string(path)) == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_open_read(path, &reader->file, error);
    if (status != VDT_OK)
        return status;
    status = read_file(reader, moved, error);
    if (status != VDT_OK)
        return status;
    *out = reader;
    reader = NULL;
    return VDT_OK;
}

vdt_status vdt_reader_open(const char *path, struct vdt_reader **out, struct vdt_error *error)
{
    VDT_H5_QUIET;
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; i < OPEN_TRIES; i++) {
        struct vdt_reader *reader = NULL;
        bool moved = false;
        vdt_status status = try_open(path, &reader, &moved, error);
        if (!moved && status == VDT_OK)
            *out = reader;
        if (!moved)
            return status;
        /* A writer committed meanwhile: what was read may be of two minds. */
        vdt_reader_free(reader);
        nanosleep(&pause, NULL);
    }
    return vdt_fail(error, VDT_ERR_BUSY, "%s: changes faster than it can be read", path);
}
