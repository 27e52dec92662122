/* Stores are created and grown here, by whole commits. */
#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "store/column.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/header.h"
#include "store/keys.h"

struct group {
    char *name;
    hid_t id;
    uint64_t count; /* samples, pending ones included */
    uint64_t box_count;
    uint64_t text_bytes; /* of metadata */
    struct vdt_column columns[VDT_ARRAYS];
};

struct vdt_writer {
    char *path;
    struct vdt_file *file;
    hid_t h5;
    struct vdt_header header;
    bool header_changed;
    bool failed; /* the transaction is lost; only free is left */
    struct group *groups;
    size_t group_count, group_capacity;
    struct vdt_keys keys;
    char (*digests)[VDT_SCENE_DIGEST + 1];
    size_t scene_count, scene_capacity;
    char **crs;
    size_t crs_count, crs_capacity;
};

/* Prefixes the store's path, and prefers what the system said over what HDF5 made of it. From here
 * on nothing more reaches the file. */
static vdt_status lose(struct vdt_writer *writer, vdt_status status, struct vdt_error *error)
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

static void writer_cleanup(struct vdt_writer **writer)
{
    vdt_writer_free(*writer);
}

static struct vdt_writer *new_writer(const char *path)
{
    struct vdt_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->h5 = -1;
    writer->path = vdt_copy_string(path);
    if (writer->path == NULL) {
        free(writer);
        return NULL;
    }
    return writer;
}

static void close_group(struct group *group)
{
    for (int a = 0; a < VDT_ARRAYS; a++)
        vdt_column_close(&group->columns[a]);
    vdt_h5_close_group(&group->id);
    free(group->name);
}

static vdt_status new_group(struct vdt_writer *writer, const char *name, struct group **group,
                            struct vdt_error *error)
{
    if (!vdt_grow(&writer->groups, &writer->group_capacity, writer->group_count + 1,
                  sizeof *writer->groups))
        return vdt_fail_memory(error, writer->path);
    struct group *added = &writer->groups[writer->group_count];
    *added = (struct group){.name = vdt_copy_string(name), .id = -1};
    if (added->name == NULL)
        return vdt_fail_memory(error, writer->path);
    for (int a = 0; a < VDT_ARRAYS; a++)
        added->columns[a].dataset = -1;
    writer->group_count++;
    *group = added;
    return VDT_OK;
}

/* --- creating ----------------------------------------------------------------------------- */

static vdt_status create_content(struct vdt_writer *writer, struct vdt_error *error)
{
    vdt_status status = vdt_file_hdf5(writer->file, &writer->h5, error);
    if (status == VDT_OK)
        status = vdt_header_write(writer->h5, &writer->header, error);
    if (status == VDT_OK)
        status = vdt_table_create(writer->h5, VDT_TABLE_SCENES, error);
    if (status == VDT_OK)
        status = vdt_table_create(writer->h5, VDT_TABLE_CRS, error);
    return status == VDT_OK ? VDT_OK : lose(writer, status, error);
}

static char **default_band_names(uint32_t bands)
{
    char **names = vdt_allocate_zero(bands, sizeof *names);
    for (uint32_t b = 0; names != NULL && b < bands; b++) {
        char name[32];
        snprintf(name, sizeof name, "band_%u", b + 1);
        names[b] = vdt_copy_string(name);
        if (names[b] == NULL) {
            vdt_h5_free_texts(names, b);
            return NULL;
        }
    }
    return names;
}

static vdt_status make_header(struct vdt_writer *writer, const struct vdt_store_spec *spec,
                              struct vdt_error *error)
{
    struct vdt_store_spec full = *spec;
    if (spec->image_codec == VDT_CODEC_AUTO || spec->mask_codec == VDT_CODEC_AUTO)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: choose a codec: raw, lz4, deflate or zstd",
                        writer->path);
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_path_stem(writer->path);
    char **bands = spec->band_names == NULL ? default_band_names(spec->tile.bands) : NULL;
    if (stem == NULL || (spec->band_names == NULL && bands == NULL))
        return vdt_fail_memory(error, writer->path);
    if (full.name == NULL)
        full.name = stem;
    if (full.band_names == NULL)
        full.band_names = (const char *const *)bands;
    struct vdt_error reason;
    vdt_status status = vdt_header_make(&writer->header, &full, &reason);
    if (bands != NULL)
        vdt_h5_free_texts(bands, spec->tile.bands);
    return status == VDT_OK ? VDT_OK
                            : vdt_fail(error, status, "%s: %s", writer->path, reason.message);
}

vdt_status vdt_writer_create(const char *path, const struct vdt_store_spec *spec,
                             struct vdt_writer **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = new_writer(path);
    if (writer == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = make_header(writer, spec, error);
    if (status == VDT_OK)
        status = vdt_file_create(path, &writer->file, error);
    if (status == VDT_OK)
        status = create_content(writer, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
    return VDT_OK;
}

/* --- opening ------------------------------------------------------------------------------ */

static uint64_t last_offset(const struct vdt_column *column)
{
    uint64_t last = 0;
    hsize_t start = column->rows - 1, one = 1;
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(column->dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &one, NULL);
    if (column->rows == 0 ||
        H5Dread(column->dataset, H5T_NATIVE_UINT64, memory, space, H5P_DEFAULT, &last) < 0)
        return 0;
    return last;
}

static vdt_status open_group(struct vdt_writer *writer, const struct vdt_reader *reader,
                             size_t index, struct vdt_error *error)
{
    struct group *group = NULL;
    vdt_status status = new_group(writer, vdt_reader_group_name(reader, index), &group, error);
    if (status != VDT_OK)
        return status;
    group->id = H5Gopen2(writer->h5, group->name, H5P_DEFAULT);
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        if (vdt_array_present(&writer->header.layout, (enum vdt_array)a))
            status = vdt_column_open(&group->columns[a], group->id, &writer->header.layout,
                                     (enum vdt_array)a, error);
    group->count = vdt_reader_count(reader, index);
    group->box_count = vdt_reader_box_count(reader, index);
    if (status == VDT_OK)
        group->text_bytes = last_offset(&group->columns[VDT_METADATA_OFFSETS]);
    for (uint64_t i = 0; status == VDT_OK && i < group->count; i++) {
        struct vdt_sample sample;
        bool added;
        status = vdt_reader_sample(reader, index, i, &sample, NULL, error);
        if (status == VDT_OK && !vdt_keys_add(&writer->keys, sample.key, &added))
            status = vdt_fail_memory(error, writer->path);
    }
    return status;
}

static vdt_status note_scene(struct vdt_writer *writer, const char *digest, struct vdt_error *error)
{
    if (!vdt_grow(&writer->digests, &writer->scene_capacity, writer->scene_count + 1,
                  sizeof *writer->digests))
        return vdt_fail_memory(error, writer->path);
    snprintf(writer->digests[writer->scene_count++], sizeof *writer->digests, "%s", digest);
    return VDT_OK;
}

static vdt_status note_crs(struct vdt_writer *writer, const char *wkt, struct vdt_error *error)
{
    if (!vdt_grow(&writer->crs, &writer->crs_capacity, writer->crs_count + 1,
                  sizeof *writer->crs) ||
        (writer->crs[writer->crs_count] = vdt_copy_string(wkt)) == NULL)
        return vdt_fail_memory(error, writer->path);
    writer->crs_count++;
    return VDT_OK;
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* The reader checks every array before the writer trusts the file. */
static vdt_status open_content(struct vdt_writer *writer, struct vdt_error *error)
{
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = NULL;
    vdt_status status = vdt_reader_open(writer->path, &reader, error);
    if (status == VDT_OK)
        status = vdt_file_hdf5(writer->file, &writer->h5, error);
    if (status == VDT_OK)
        status = vdt_header_read(writer->h5, writer->path, &writer->header, error);
    for (size_t g = 0; status == VDT_OK && g < vdt_reader_group_count(reader); g++)
        status = open_group(writer, reader, g, error);
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_scene_count(reader); i++)
        status = note_scene(writer, vdt_reader_scene(reader, i).digest, error);
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_crs_count(reader); i++)
        status = note_crs(writer, vdt_reader_crs(reader, i), error);
    return status;
}

vdt_status vdt_writer_open(const char *path, struct vdt_writer **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = new_writer(path);
    if (writer == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_open_write(path, &writer->file, error);
    if (status == VDT_OK)
        status = open_content(writer, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
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
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
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
        return lose(writer, status, error);
    status = note_scene(writer, scene->digest, error);
    if (status == VDT_OK)
        *index = (uint32_t)(writer->scene_count - 1);
    return status;
}

vdt_status vdt_writer_add_crs(struct vdt_writer *writer, const char *wkt, uint32_t *index,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
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
        return lose(writer, status, error);
    status = note_crs(writer, wkt, error);
    if (status == VDT_OK)
        *index = (uint32_t)(writer->crs_count - 1);
    return status;
}

bool vdt_writer_has(const struct vdt_writer *writer, const char *key)
{
    return vdt_keys_has(&writer->keys, key);
}

/* A group whose offsets begin with the 0 that makes N + 1 of them. */
static vdt_status create_group(struct vdt_writer *writer, const char *name, struct group **out,
                               struct vdt_error *error)
{
    static const uint64_t zero = 0;
    const struct vdt_layout *layout = &writer->header.layout;
    struct group *group = NULL;
    if (!vdt_group_name_valid(name))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs", name);
    vdt_status status = new_group(writer, name, &group, error);
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
        return lose(writer, status, error);
    *out = group;
    return VDT_OK;
}

static vdt_status find_group(struct vdt_writer *writer, const char *name, struct group **group,
                             struct vdt_error *error)
{
    for (size_t g = 0; g < writer->group_count; g++)
        if (strcmp(writer->groups[g].name, name) == 0) {
            *group = &writer->groups[g];
            return VDT_OK;
        }
    return create_group(writer, name, group, error);
}

/* What a packet adds to one array: its own bytes, or the next offset. */
static vdt_status put_array(struct vdt_writer *writer, struct group *group, enum vdt_array array,
                            const struct vdt_packet *packet, struct vdt_error *error)
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
    if (array < VDT_TILE_ARRAYS)
        return vdt_column_put_chunk(column, layout, data, packet->size[array], error);
    return vdt_column_append(column, layout, data, packet->size[array], error);
}

vdt_status vdt_writer_put(struct vdt_writer *writer, const char *name,
                          const struct vdt_packet *packet, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
    struct group *group = NULL;
    bool added = false;
    vdt_status status = usable(writer, error);
    if (status == VDT_OK)
        status = find_group(writer, name, &group, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_keys_add(&writer->keys, packet->key, &added))
        return vdt_fail_memory(error, writer->path);
    if (!added)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: sample %s is there already", writer->path,
                        packet->key);
    group->count++;
    group->box_count += packet->box_count;
    group->text_bytes += packet->size[VDT_METADATA_TEXT];
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        status = put_array(writer, group, (enum vdt_array)a, packet, error);
    return status == VDT_OK ? VDT_OK : lose(writer, status, error);
}

vdt_status vdt_writer_append(struct vdt_writer *writer, const char *group,
                             const struct vdt_sample *sample, struct vdt_error *error)
{
    struct vdt_packet packet = {0};
    struct vdt_coder coder = {0};
    vdt_status status = usable(writer, error);
    if (status == VDT_OK &&
        (sample->scene >= writer->scene_count || sample->crs >= writer->crs_count))
        status = vdt_fail(error, VDT_ERR_ARGUMENT,
                          "%s: sample %s names a scene or CRS that was not added", writer->path,
                          sample->key);
    if (status == VDT_OK)
        status = vdt_packet_encode(&packet, &writer->header.layout, &coder, sample, error);
    if (status == VDT_OK)
        status = vdt_writer_put(writer, group, &packet, error);
    vdt_packet_clear(&packet);
    vdt_coder_clear(&coder);
    return status;
}

/* --- committing --------------------------------------------------------------------------- */

vdt_status vdt_writer_commit(struct vdt_writer *writer, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
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
    if (status == VDT_OK)
        status = vdt_file_commit(writer->file, error);
    writer->header_changed = false;
    return status == VDT_OK ? VDT_OK : lose(writer, status, error);
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
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
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
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
    if (writer->file != NULL)
        vdt_file_abandon(writer->file);
    close_file(writer);
    free(writer->groups);
    vdt_header_clear(&writer->header);
    vdt_keys_clear(&writer->keys);
    free(writer->digests);
    vdt_h5_free_texts(writer->crs, writer->crs_count);
    free(writer->path);
    free(writer);
}

/* --- settings ----------------------------------------------------------------------------- */

const struct vdt_layout *vdt_writer_layout(const struct vdt_writer *writer)
{
    return &writer->header.layout;
}

uint64_t vdt_writer_count(const struct vdt_writer *writer)
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
