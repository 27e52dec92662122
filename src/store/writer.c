/* Stores are grown here, by whole commits. */
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/h5.h"
#include "store/view.h"
#include "store/writer_state.h"

/* --- state -------------------------------------------------------------------------------- */

vdt_status vdt_writer_lose(struct vdt_writer *writer, vdt_status status, struct vdt_error *error)
{
    const struct vdt_error *cause = vdt_file_failure(writer->file);
    writer->failed = true;
    if (cause != NULL) {
        status = cause->status;
        vdt_fail(error, status, "%s", cause->message);
    } else if (error != NULL && strstr(error->message, writer->path) == NULL) {
        struct vdt_error inner = *error;
        vdt_fail(error, status, "%s: %s", writer->path, inner.message);
    }
    vdt_file_abandon(writer->file);
    return status;
}

vdt_status vdt_writer_add_group(struct vdt_writer *writer, const char *name,
                                struct vdt_writer_group **group, struct vdt_error *error)
{
    if (!vdt_grow(&writer->groups, &writer->group_capacity, writer->group_count + 1,
                  sizeof *writer->groups))
        return vdt_fail_memory(error, writer->path);
    struct vdt_writer_group *added = &writer->groups[writer->group_count];
    *added = (struct vdt_writer_group){.name = vdt_copy_string(name), .id = -1};
    if (added->name == NULL)
        return vdt_fail_memory(error, writer->path);
    for (int a = 0; a < VDT_ARRAYS; a++)
        added->columns[a].dataset = -1;
    writer->group_count++;
    *group = added;
    return VDT_OK;
}

vdt_status vdt_writer_note_scene(struct vdt_writer *writer, const char *digest,
                                 struct vdt_error *error)
{
    if (!vdt_grow(&writer->digests, &writer->scene_capacity, writer->scene_count + 1,
                  sizeof *writer->digests))
        return vdt_fail_memory(error, writer->path);
    snprintf(writer->digests[writer->scene_count++], sizeof *writer->digests, "%s", digest);
    return VDT_OK;
}

vdt_status vdt_writer_note_crs(struct vdt_writer *writer, const char *wkt, struct vdt_error *error)
{
    if (!vdt_grow(&writer->crs, &writer->crs_capacity, writer->crs_count + 1,
                  sizeof *writer->crs) ||
        (writer->crs[writer->crs_count] = vdt_copy_string(wkt)) == NULL)
        return vdt_fail_memory(error, writer->path);
    writer->crs_count++;
    return VDT_OK;
}

/* --- growing ------------------------------------------------------------------------------ */

static vdt_status usable(const struct vdt_writer *writer, struct vdt_error *error)
{
    if (writer->failed || writer->h5 < 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the writer is finished or has failed",
                        writer->path);
    return VDT_OK;
}

vdt_status vdt_writer_add_scene(struct vdt_writer *writer, const struct vdt_scene_record *scene,
                                uint32_t *index, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = usable(writer, error);
    for (size_t i = 0; status == VDT_OK && i < writer->scene_count; i++)
        if (strcmp(writer->digests[i], scene->digest) == 0) {
            *index = (uint32_t)i;
            return VDT_OK;
        }
    vdt_cleanup(vdt_free_pointer) struct vdt_scene_row *row = calloc(1, sizeof *row);
    if (status != VDT_OK || row == NULL)
        return status == VDT_OK ? vdt_fail_memory(error, writer->path) : status;
    if (strlen(scene->uri) >= VDT_SCENE_URI || strlen(scene->digest) != VDT_SCENE_DIGEST ||
        strlen(scene->acquired) >= VDT_SCENE_ACQUIRED)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%.200s: the scene's name or digest has a wrong length", scene->uri);
    memcpy(row->uri, scene->uri, strlen(scene->uri));
    memcpy(row->digest, scene->digest, VDT_SCENE_DIGEST);
    memcpy(row->acquired, scene->acquired, strlen(scene->acquired));
    row->size = scene->size;
    row->cols = scene->cols;
    row->rows = scene->rows;
    status = vdt_table_append(writer->h5, VDT_TABLE_SCENES, row, error);
    if (status != VDT_OK)
        return vdt_writer_lose(writer, status, error);
    status = vdt_writer_note_scene(writer, scene->digest, error);
    if (status == VDT_OK)
        *index = (uint32_t)(writer->scene_count - 1);
    return status;
}

vdt_status vdt_writer_add_crs(struct vdt_writer *writer, const char *wkt, uint32_t *index,
                              struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = usable(writer, error);
    for (size_t i = 0; status == VDT_OK && i < writer->crs_count; i++)
        if (strcmp(writer->crs[i], wkt) == 0) {
            *index = (uint32_t)i;
            return VDT_OK;
        }
    if (status != VDT_OK)
        return status;
    if (strlen(wkt) >= VDT_CRS_WKT)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: a CRS of %zu bytes; at most %d fit",
                        writer->path, strlen(wkt), VDT_CRS_WKT - 1);
    vdt_cleanup(vdt_free_pointer) char *row = calloc(1, VDT_CRS_WKT);
    if (row == NULL)
        return vdt_fail_memory(error, writer->path);
    memcpy(row, wkt, strlen(wkt));
    status = vdt_table_append(writer->h5, VDT_TABLE_CRS, row, error);
    if (status != VDT_OK)
        return vdt_writer_lose(writer, status, error);
    status = vdt_writer_note_crs(writer, wkt, error);
    if (status == VDT_OK)
        *index = (uint32_t)(writer->crs_count - 1);
    return status;
}

bool vdt_writer_has(const struct vdt_writer *writer, const char *key)
{
    return vdt_keys_has(&writer->keys, key);
}

/* A group whose offsets begin with the 0 that makes N + 1 of them. */
static vdt_status create_group(struct vdt_writer *writer, const char *name,
                               struct vdt_writer_group **out, struct vdt_error *error)
{
    static const uint64_t zero = 0;
    const struct vdt_layout *layout = &writer->header.layout;
    struct vdt_writer_group *group = NULL;
    if (!vdt_group_name_valid(name))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs", name);
    vdt_status status = vdt_writer_add_group(writer, name, &group, error);
    if (status != VDT_OK)
        return status;
    group->id = H5Gcreate2(writer->h5, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group->id < 0)
        status = vdt_fail(error, VDT_ERR_IO, "cannot create group \"%s\"", name);
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        if (vdt_array_present(layout, (enum vdt_array)a))
            status =
                vdt_column_create(&group->columns[a], group->id, layout, (enum vdt_array)a, error);
    if (status == VDT_OK && vdt_array_present(layout, VDT_BOX_OFFSETS))
        status = vdt_column_append(&group->columns[VDT_BOX_OFFSETS], layout, &zero, 8, error);
    if (status == VDT_OK)
        status = vdt_column_append(&group->columns[VDT_METADATA_OFFSETS], layout, &zero, 8, error);
    if (status != VDT_OK)
        return vdt_writer_lose(writer, status, error);
    *out = group;
    return VDT_OK;
}

static struct vdt_writer_group *find_group(const struct vdt_writer *writer, const char *name)
{
    for (size_t g = 0; g < writer->group_count; g++)
        if (strcmp(writer->groups[g].name, name) == 0)
            return &writer->groups[g];
    return NULL;
}

/* What a packet adds to one array: its own bytes, or the next offset. */
static vdt_status put_array(struct vdt_writer *writer, struct vdt_writer_group *group,
                            enum vdt_array array, const struct vdt_packet *packet,
                            struct vdt_error *error)
{
    struct vdt_column *column = &group->columns[array];
    const struct vdt_layout *layout = &writer->header.layout;
    if (!vdt_array_present(layout, array))
        return VDT_OK;
    if (array == VDT_BOX_OFFSETS)
        return vdt_column_append(column, layout, &group->box_count, 8, error);
    if (array == VDT_METADATA_OFFSETS)
        return vdt_column_append(column, layout, &group->text_bytes, 8, error);
    const void *data = packet->bytes.data + packet->at[array];
    if (array == VDT_IMAGES && packet->image != NULL)
        data = packet->image;
    if (array < VDT_TILE_ARRAYS)
        return vdt_column_put_chunk(column, layout, data, packet->size[array], error);
    return vdt_column_append(column, layout, data, packet->size[array], error);
}

vdt_status vdt_writer_put(struct vdt_writer *writer, const char *name,
                          const struct vdt_packet *packet, struct vdt_error *error)
{
    VDT_H5_QUIET;
    struct vdt_writer_group *group = find_group(writer, name);
    bool added = false;
    vdt_status status = usable(writer, error);
    if (status == VDT_OK && vdt_keys_has(&writer->keys, packet->key))
        status = vdt_fail(error, VDT_ERR_EXISTS, "%s: sample %s is there already", writer->path,
                          packet->key);
    if (status == VDT_OK && group == NULL)
        status = create_group(writer, name, &group, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_keys_add(&writer->keys, packet->key, &added))
        return vdt_fail_memory(error, writer->path);
    group->count++;
    group->box_count += packet->box_count;
    group->text_bytes += packet->size[VDT_METADATA_TEXT];
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        status = put_array(writer, group, (enum vdt_array)a, packet, error);
    if (status == VDT_OK && vdt_file_failure(writer->file) != NULL)
        status = VDT_ERR_IO;
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

vdt_status vdt_writer_append(struct vdt_writer *writer, const char *group,
                             const struct vdt_sample *sample, struct vdt_error *error)
{
    vdt_status status = usable(writer, error);
    if (status == VDT_OK &&
        (sample->scene >= writer->scene_count || sample->crs >= writer->crs_count))
        status = vdt_fail(error, VDT_ERR_ARGUMENT,
                          "%s: sample %.63s names a scene or CRS that was not added", writer->path,
                          sample->key);
    if (status == VDT_OK)
        status = vdt_packet_encode(&writer->packet, &writer->header.layout, &writer->coder, sample,
                                   error);
    if (status == VDT_OK)
        status = vdt_writer_put(writer, group, &writer->packet, error);
    return status;
}

/* --- views -------------------------------------------------------------------------------- */

static vdt_status check_view(const struct vdt_writer *writer, const struct vdt_view *view,
                             struct vdt_error *error)
{
    const struct vdt_writer_group *group = find_group(writer, view->group);
    if (!vdt_name_valid(view->name))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "view \"%s\": letters, digits, '_' and '-' only",
                        view->name);
    if (group == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: view \"%s\": no group \"%s\"", writer->path,
                        view->name, view->group);
    for (uint64_t i = 0; i < view->count; i++)
        if (view->indices[i] >= group->count)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: view \"%s\": index %llu is sample %llu of %llu", writer->path,
                            view->name, (unsigned long long)i, (unsigned long long)view->indices[i],
                            (unsigned long long)group->count);
    if (!vdt_view_definition_valid(view->definition))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: view \"%s\": its definition is not JSON text of at most %d bytes",
                        writer->path, view->name, VDT_VIEW_DEFINITION);
    return VDT_OK;
}

vdt_status vdt_writer_put_view(struct vdt_writer *writer, const char *name, const char *group,
                               const uint64_t *indices, uint64_t count, const char *definition,
                               struct vdt_error *error)
{
    VDT_H5_QUIET;
    struct vdt_view view = {.name = name,
                            .group = group,
                            .definition = definition == NULL ? "" : definition,
                            .indices = indices,
                            .count = count};
    vdt_status status = usable(writer, error);
    if (status == VDT_OK)
        status = check_view(writer, &view, error);
    if (status != VDT_OK)
        return status;
    status = vdt_view_write(writer->h5, &view, error);
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

vdt_status vdt_writer_remove_view(struct vdt_writer *writer, const char *name,
                                  struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = usable(writer, error);
    if (status == VDT_OK && (!vdt_name_valid(name) || !vdt_view_exists(writer->h5, name)))
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no view \"%s\"", writer->path, name);
    if (status != VDT_OK)
        return status;
    status = vdt_view_remove(writer->h5, name, error);
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

/* --- committing --------------------------------------------------------------------------- */

vdt_status vdt_writer_commit(struct vdt_writer *writer, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = usable(writer, error);
    if (status != VDT_OK)
        return status;
    for (size_t g = 0; status == VDT_OK && g < writer->group_count; g++)
        for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
            if (writer->groups[g].columns[a].dataset >= 0)
                status =
                    vdt_column_flush(&writer->groups[g].columns[a], &writer->header.layout, error);
    if (status == VDT_OK && writer->header_changed)
        status = vdt_header_write(writer->h5, &writer->header, error);
    if (status == VDT_OK && H5Fflush(writer->h5, H5F_SCOPE_GLOBAL) < 0)
        status = vdt_fail(error, VDT_ERR_IO, "cannot be flushed");
    if (status == VDT_OK && vdt_file_failure(writer->file) != NULL)
        status = VDT_ERR_IO;
    if (status == VDT_OK)
        status = vdt_file_commit(writer->file, error);
    writer->header_changed = false;
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

static void close_group(struct vdt_writer_group *group)
{
    for (int a = 0; a < VDT_ARRAYS; a++)
        vdt_column_close(&group->columns[a]);
    vdt_h5_close_group(&group->id);
    free(group->name);
}

static void close_file(struct vdt_writer *writer)
{
    for (size_t g = 0; g < writer->group_count; g++)
        close_group(&writer->groups[g]);
    writer->group_count = 0;
    vdt_h5_close_file(&writer->h5);
    writer->h5 = -1;
    vdt_file_free(writer->file);
    writer->file = NULL;
}

vdt_status vdt_writer_finish(struct vdt_writer *writer, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = vdt_writer_commit(writer, error);
    if (status != VDT_OK)
        return status;
    /* All is committed: what HDF5 writes while closing must not touch the store again. */
    vdt_file_abandon(writer->file);
    close_file(writer);
    return VDT_OK;
}

void vdt_writer_free(struct vdt_writer *writer)
{
    if (writer == NULL)
        return;
    VDT_H5_QUIET;
    if (writer->file != NULL)
        vdt_file_abandon(writer->file);
    close_file(writer);
    free(writer->groups);
    vdt_header_clear(&writer->header);
    vdt_keys_clear(&writer->keys);
    vdt_packet_clear(&writer->packet);
    vdt_coder_clear(&writer->coder);
    free(writer->digests);
    vdt_h5_free_texts(writer->crs, writer->crs_count);
    free(writer->path);
    free(writer);
}

/* --- settings ----------------------------------------------------------------------------- */

const char *vdt_writer_path(const struct vdt_writer *writer)
{
    return writer->path;
}

const struct vdt_layout *vdt_writer_layout(const struct vdt_writer *writer)
{
    return &writer->header.layout;
}

struct vdt_store_spec vdt_writer_spec(const struct vdt_writer *writer)
{
    return writer->header.layout.spec;
}

uint64_t vdt_writer_count(const struct vdt_writer *writer, const char *group)
{
    const struct vdt_writer_group *found = find_group(writer, group);
    return found == NULL ? 0 : found->count;
}

uint64_t vdt_writer_total(const struct vdt_writer *writer)
{
    uint64_t count = 0;
    for (size_t g = 0; g < writer->group_count; g++)
        count += writer->groups[g].count;
    return count;
}

static vdt_status replace(struct vdt_writer *writer, char **text, const char *json,
                          struct vdt_error *error)
{
    char *copy = vdt_copy_string(json);
    if (copy == NULL)
        return vdt_fail_memory(error, writer->path);
    writer->header_changed |= strcmp(*text, json) != 0;
    free(*text);
    *text = copy;
    return VDT_OK;
}

const char *vdt_writer_split(const struct vdt_writer *writer)
{
    return writer->header.split;
}

vdt_status vdt_writer_set_split(struct vdt_writer *writer, const char *json,
                                struct vdt_error *error)
{
    return replace(writer, &writer->header.split, json, error);
}

const char *vdt_writer_feed_config(const struct vdt_writer *writer)
{
    return writer->header.feed_config;
}

vdt_status vdt_writer_set_feed_config(struct vdt_writer *writer, const char *json,
                                      struct vdt_error *error)
{
    return replace(writer, &writer->header.feed_config, json, error);
}

const char *vdt_writer_scene_members(const struct vdt_writer *writer)
{
    return writer->header.scene_members;
}

vdt_status vdt_writer_set_scene_members(struct vdt_writer *writer, const char *json,
                                        struct vdt_error *error)
{
    return replace(writer, &writer->header.scene_members, json, error);
}

const char *vdt_writer_times(const struct vdt_writer *writer)
{
    return writer->header.times;
}

vdt_status vdt_writer_set_times(struct vdt_writer *writer, const char *json,
                                struct vdt_error *error)
{
    return replace(writer, &writer->header.times, json, error);
}

const char *vdt_writer_feed_failures(const struct vdt_writer *writer)
{
    return writer->header.feed_failures;
}

vdt_status vdt_writer_set_feed_failures(struct vdt_writer *writer, const char *json, bool *changed,
                                        struct vdt_error *error)
{
    if (changed != NULL)
        *changed = strcmp(writer->header.feed_failures, json) != 0;
    return replace(writer, &writer->header.feed_failures, json, error);
}
