/* A store opened for reading: HDF5 tells where everything lies and is closed; the rest is pread. */
#include "store/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "store/codec.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/header.h"

enum { OPEN_TRIES = 200 };

struct group {
    char *name;
    uint64_t count;
    uint64_t *box_offsets;  /* [count + 1], or NULL */
    uint64_t *text_offsets; /* [count + 1] */
    struct vdt_extent extents[VDT_ARRAYS];
};

struct vdt_reader {
    char *path;
    struct vdt_file *file;
    struct vdt_header header;
    struct group *groups;
    size_t group_count;
    struct vdt_scene_row *scene_rows;
    struct vdt_scene_record *scenes;
    char (*scene_texts)[VDT_SCENE_DIGEST + 1 + VDT_SCENE_ACQUIRED + 1];
    size_t scene_count;
    char (*crs)[VDT_CRS_WKT];
    size_t crs_count;
};

/* --- opening ------------------------------------------------------------------------------ */

static void clear_group(struct group *group)
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
    vdt_file_free(reader->file);
    free(reader->path);
    free(reader);
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static vdt_status read_rows(const struct vdt_reader *reader, const struct vdt_extent *extent,
                            size_t row_bytes, uint64_t first, uint64_t count, void *rows,
                            struct vdt_error *error)
{
    char *to = rows;
    while (count > 0) {
        uint64_t chunk = first / extent->chunk_rows, at = first % extent->chunk_rows;
        uint64_t step = extent->chunk_rows - at < count ? extent->chunk_rows - at : count;
        vdt_status status =
            vdt_read_at(vdt_file_descriptor(reader->file), to, step * row_bytes,
                        extent->addresses[chunk] + at * row_bytes, reader->path, error);
        if (status != VDT_OK)
            return status;
        to += step * row_bytes;
        first += step;
        count -= step;
    }
    return VDT_OK;
}

/* The offsets of a group, whole and in order: 0 first, `total` last. */
static vdt_status read_offsets(const struct vdt_reader *reader, const struct group *group,
                               enum vdt_array array, uint64_t total, uint64_t **out,
                               struct vdt_error *error)
{
    const struct vdt_extent *extent = &group->extents[array];
    if (extent->rows != group->count + 1)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s has %llu rows for %llu samples",
                        reader->path, group->name, vdt_array_path(array),
                        (unsigned long long)extent->rows, (unsigned long long)group->count);
    vdt_cleanup(vdt_free_pointer) uint64_t *offsets = vdt_allocate(extent->rows, 8);
    if (offsets == NULL)
        return vdt_fail_memory(error, reader->path);
    vdt_status status = read_rows(reader, extent, 8, 0, extent->rows, offsets, error);
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
static vdt_status check_counts(const struct vdt_reader *reader, struct group *group,
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

static vdt_status open_group(struct vdt_reader *reader, hid_t file, struct group *group,
                             struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    vdt_cleanup(vdt_h5_close_group) hid_t id = H5Gopen2(file, group->name, H5P_DEFAULT);
    vdt_status status = VDT_OK;
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++) {
        char what[1024];
        snprintf(what, sizeof what, "%s: /%s/%s", reader->path, group->name,
                 vdt_array_path((enum vdt_array)a));
        if (vdt_array_present(layout, (enum vdt_array)a))
            status = vdt_extent_read(&group->extents[a], reader->file, id, layout,
                                     (enum vdt_array)a, what, error);
    }
    group->count = group->extents[VDT_SAMPLES].rows;
    return status;
}

static vdt_status read_tables(struct vdt_reader *reader, hid_t file, struct vdt_error *error)
{
    void *rows = NULL;
    vdt_status status =
        vdt_table_read(file, reader->path, VDT_TABLE_SCENES, &rows, &reader->scene_count, error);
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
    status = vdt_table_read(file, reader->path, VDT_TABLE_CRS, &rows, &reader->crs_count, error);
    reader->crs = rows;
    for (size_t i = 0; status == VDT_OK && i < reader->crs_count; i++)
        reader->crs[i][VDT_CRS_WKT - 1] = '\0';
    return status;
}

static vdt_status read_groups(struct vdt_reader *reader, hid_t file, struct vdt_error *error)
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
        status = open_group(reader, file, &reader->groups[g], error);
    return status;
}

static vdt_status read_content(struct vdt_reader *reader, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_file) hid_t file = -1;
    vdt_status status = vdt_file_hdf5(reader->file, &file, error);
    if (status == VDT_OK)
        status = vdt_header_read(file, reader->path, &reader->header, error);
    if (status == VDT_OK)
        status = read_tables(reader, file, error);
    if (status == VDT_OK)
        status = read_groups(reader, file, error);
    for (size_t g = 0; status == VDT_OK && g < reader->group_count; g++)
        status = check_counts(reader, &reader->groups[g], error);
    return status;
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
    status = read_content(reader, error);
    *moved = vdt_file_changed(reader->file);
    if (status != VDT_OK)
        return status;
    *out = reader;
    reader = NULL;
    return VDT_OK;
}

vdt_status vdt_reader_open(const char *path, struct vdt_reader **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence();
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

/* --- properties --------------------------------------------------------------------------- */

struct vdt_store_spec vdt_reader_spec(const struct vdt_reader *reader)
{
    return reader->header.layout.spec;
}

const char *vdt_reader_path(const struct vdt_reader *reader)
{
    return reader->path;
}

const char *vdt_reader_uuid(const struct vdt_reader *reader)
{
    return reader->header.uuid;
}

const char *vdt_reader_format(const struct vdt_reader *reader)
{
    return reader->header.format;
}

const char *vdt_reader_created_at(const struct vdt_reader *reader)
{
    return reader->header.created_at;
}

const char *vdt_reader_producer(const struct vdt_reader *reader)
{
    return reader->header.producer;
}

const char *vdt_reader_feed_config(const struct vdt_reader *reader)
{
    return reader->header.feed_config;
}

const char *vdt_reader_split(const struct vdt_reader *reader)
{
    return reader->header.split;
}

uint64_t vdt_reader_file_bytes(const struct vdt_reader *reader)
{
    return vdt_file_size(reader->file);
}

size_t vdt_reader_mask_size(const struct vdt_reader *reader)
{
    return reader->header.layout.mask_size;
}

const struct vdt_layout *vdt_reader_layout(const struct vdt_reader *reader)
{
    return &reader->header.layout;
}

size_t vdt_reader_group_count(const struct vdt_reader *reader)
{
    return reader->group_count;
}

const char *vdt_reader_group_name(const struct vdt_reader *reader, size_t group)
{
    return reader->groups[group].name;
}

vdt_status vdt_reader_find_group(const struct vdt_reader *reader, const char *name, size_t *group,
                                 struct vdt_error *error)
{
    char names[512] = "";
    for (size_t g = 0; g < reader->group_count; g++) {
        if (strcmp(reader->groups[g].name, name) == 0) {
            *group = g;
            return VDT_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", g == 0 ? "" : ", ",
                 reader->groups[g].name);
    }
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no group \"%s\"; there is: %s", reader->path,
                    name, reader->group_count == 0 ? "none" : names);
}

uint64_t vdt_reader_count(const struct vdt_reader *reader, size_t group)
{
    return reader->groups[group].count;
}

uint64_t vdt_reader_box_count(const struct vdt_reader *reader, size_t group)
{
    return reader->groups[group].extents[VDT_BOXES].rows;
}

size_t vdt_reader_scene_count(const struct vdt_reader *reader)
{
    return reader->scene_count;
}

struct vdt_scene_record vdt_reader_scene(const struct vdt_reader *reader, size_t scene)
{
    return reader->scenes[scene];
}

size_t vdt_reader_crs_count(const struct vdt_reader *reader)
{
    return reader->crs_count;
}

const char *vdt_reader_crs(const struct vdt_reader *reader, size_t crs)
{
    return reader->crs[crs];
}

/* --- samples ------------------------------------------------------------------------------ */

static vdt_status check_range(const struct vdt_reader *reader, size_t group, uint64_t first,
                              uint64_t count, struct vdt_error *error)
{
    if (group >= reader->group_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: group %zu of %zu", reader->path, group,
                        reader->group_count);
    if (first > reader->groups[group].count || count > reader->groups[group].count - first)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: /%s: sample %llu of %llu", reader->path,
                        reader->groups[group].name, (unsigned long long)(first + count - 1),
                        (unsigned long long)reader->groups[group].count);
    return VDT_OK;
}

vdt_status vdt_reader_rows(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                           uint64_t first, uint64_t count, void *rows, struct vdt_error *error)
{
    return read_rows(reader, &reader->groups[group].extents[array],
                     vdt_array_row_bytes(&reader->header.layout, array), first, count, rows, error);
}

vdt_status vdt_reader_sample(const struct vdt_reader *reader, size_t group, uint64_t index,
                             struct vdt_sample *sample, struct vdt_band_stats *stats,
                             struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    vdt_status status = check_range(reader, group, index, 1, error);
    if (status != VDT_OK)
        return status;
    unsigned char small[512];
    vdt_cleanup(vdt_free_pointer) unsigned char *large = NULL;
    unsigned char *row = small;
    if (layout->row_bytes > sizeof small)
        row = large = vdt_allocate(layout->row_bytes, 1);
    if (row == NULL)
        return vdt_fail_memory(error, reader->path);
    status = vdt_reader_rows(reader, group, VDT_SAMPLES, index, 1, row, error);
    if (status == VDT_OK)
        vdt_row_unpack(layout, row, sample, stats);
    if (status == VDT_OK && stats != NULL)
        sample->stats = stats;
    return status;
}

static vdt_status read_tile(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                            uint64_t index, void *data, struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    vdt_status status = check_range(reader, group, index, 1, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_array_present(layout, array))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: its tasks have no %s", reader->path,
                        vdt_array_path(array));
    const struct vdt_extent *extent = &reader->groups[group].extents[array];
    size_t size = vdt_array_row_bytes(layout, array), stored = extent->sizes[index];
    int fd = vdt_file_descriptor(reader->file);
    if (vdt_array_codec(layout, array) == VDT_CODEC_RAW) {
        if (stored == size)
            return vdt_read_at(fd, data, size, extent->addresses[index], reader->path, error);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s[%llu]: %zu bytes instead of %zu",
                        reader->path, reader->groups[group].name, vdt_array_path(array),
                        (unsigned long long)index, stored, size);
    }
    vdt_cleanup(vdt_free_pointer) void *bytes = vdt_allocate(stored, 1);
    if (bytes == NULL)
        return vdt_fail_memory(error, reader->path);
    status = vdt_read_at(fd, bytes, stored, extent->addresses[index], reader->path, error);
    struct vdt_error reason;
    if (status == VDT_OK &&
        vdt_decode_chunk(vdt_array_codec(layout, array), vdt_array_element(layout, array), bytes,
                         stored, data, size, &reason) != VDT_OK)
        status = vdt_fail(error, reason.status, "%s: /%s/%s[%llu]: %s", reader->path,
                          reader->groups[group].name, vdt_array_path(array),
                          (unsigned long long)index, reason.message);
    return status;
}

vdt_status vdt_reader_image(const struct vdt_reader *reader, size_t group, uint64_t index,
                            void *image, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_IMAGES, index, image, error);
}

vdt_status vdt_reader_mask(const struct vdt_reader *reader, size_t group, uint64_t index,
                           void *mask, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_MASK, index, mask, error);
}

vdt_status vdt_reader_instances(const struct vdt_reader *reader, size_t group, uint64_t index,
                                uint16_t *instances, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_INSTANCES, index, instances, error);
}

vdt_status vdt_reader_onehot(const struct vdt_reader *reader, size_t group, uint64_t index,
                             uint8_t *onehot, struct vdt_error *error)
{
    vdt_status status = check_range(reader, group, index, 1, error);
    if (status == VDT_OK && !vdt_array_present(&reader->header.layout, VDT_ONEHOT))
        status =
            vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: its tasks have no labels/onehot", reader->path);
    return status == VDT_OK ? vdt_reader_rows(reader, group, VDT_ONEHOT, index, 1, onehot, error)
                            : status;
}

uint64_t vdt_reader_box_rows(const struct vdt_reader *reader, size_t group, uint64_t first,
                             uint64_t count)
{
    const struct group *g = &reader->groups[group];
    return g->box_offsets == NULL ? 0 : g->box_offsets[first + count] - g->box_offsets[first];
}

vdt_status vdt_reader_boxes(const struct vdt_reader *reader, size_t group, uint64_t first,
                            uint64_t count, float (*boxes)[4], uint16_t *box_class,
                            int64_t *box_feature, float *box_visible, struct vdt_error *error)
{
    vdt_status status = check_range(reader, group, first, count, error);
    if (status != VDT_OK)
        return status;
    const struct group *g = &reader->groups[group];
    if (g->box_offsets == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: its tasks have no boxes", reader->path);
    uint64_t row = g->box_offsets[first], rows = g->box_offsets[first + count] - row;
    void *const to[] = {boxes, box_class, box_feature, box_visible};
    for (int i = 0; status == VDT_OK && i < 4; i++)
        if (to[i] != NULL)
            status = vdt_reader_rows(reader, group, (enum vdt_array)(VDT_BOXES + i), row, rows,
                                     to[i], error);
    return status;
}

vdt_status vdt_reader_metadata(const struct vdt_reader *reader, size_t group, uint64_t index,
                               char **json, struct vdt_error *error)
{
    vdt_status status = check_range(reader, group, index, 1, error);
    if (status != VDT_OK)
        return status;
    const uint64_t *offsets = reader->groups[group].text_offsets;
    uint64_t size = offsets[index + 1] - offsets[index];
    char *text = size < SIZE_MAX ? malloc(size + 1) : NULL;
    if (text == NULL)
        return vdt_fail_memory(error, reader->path);
    text[size] = '\0';
    status = vdt_reader_rows(reader, group, VDT_METADATA_TEXT, offsets[index], size, text, error);
    if (status == VDT_OK)
        *json = text;
    else
        free(text);
    return status;
}

void vdt_string_free(char *string)
{
    free(string);
}

vdt_status vdt_reader_verify(const struct vdt_reader *reader, size_t group, uint64_t index,
                             const void *image, const struct vdt_labels *labels,
                             struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    vdt_cleanup(vdt_free_pointer) unsigned char *row = vdt_allocate(layout->row_bytes, 1);
    if (row == NULL)
        return vdt_fail_memory(error, reader->path);
    vdt_status status = vdt_reader_rows(reader, group, VDT_SAMPLES, index, 1, row, error);
    if (status != VDT_OK)
        return status;
    const char *damaged = NULL;
    if (image != NULL &&
        vdt_crc32c(0, image, layout->image_bytes) != vdt_row_u32(row, VDT_ROW_IMAGE_CRC))
        damaged = "image";
    else if (labels != NULL && vdt_label_crc(layout, labels) != vdt_row_u32(row, VDT_ROW_LABEL_CRC))
        damaged = "labels";
    if (damaged == NULL)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: /%s sample %llu (%.63s): the %s differs from its checksum", reader->path,
                    reader->groups[group].name, (unsigned long long)index,
                    (const char *)row + VDT_ROW_KEY, damaged);
}
