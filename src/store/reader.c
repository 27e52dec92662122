/* What an open store says of itself, and its samples by pread: no HDF5 from here on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/map.h"
#include "store/reader_state.h"

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

const char *vdt_reader_scene_members(const struct vdt_reader *reader)
{
    return reader->header.scene_members;
}

const char *vdt_reader_times(const struct vdt_reader *reader)
{
    return reader->header.times;
}

const char *vdt_reader_feed_failures(const struct vdt_reader *reader)
{
    return reader->header.feed_failures;
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

const char *vdt_reader_split(const struct vdt_reader *reader)
{
    return reader->header.split;
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

uint64_t vdt_reader_text_bytes(const struct vdt_reader *reader, size_t group)
{
    return reader->groups[group].extents[VDT_METADATA_TEXT].rows;
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

/* The rows from `first` that lie together, `count` at most, and where. */
static uint64_t run_of(const struct vdt_extent *extent, size_t row_bytes, uint64_t first,
                       uint64_t count, uint64_t *address)
{
    const uint64_t whole = extent->chunk_rows;
    uint64_t chunk = first / whole, at = first % whole, step = whole - at;
    *address = extent->addresses[chunk] + at * row_bytes;
    while (step < count && extent->addresses[++chunk] == *address + step * row_bytes)
        step += whole;
    return step < count ? step : count;
}

/* Chunks that follow one another in the file are read at once. */
static vdt_status read_rows(const struct vdt_reader *reader, const struct vdt_extent *extent,
                            size_t row_bytes, uint64_t first, uint64_t count, void *rows,
                            struct vdt_error *error)
{
    char *to = rows;
    while (count > 0) {
        uint64_t address, step = run_of(extent, row_bytes, first, count, &address);
        vdt_status status = vdt_file_read(reader->file, to, step * row_bytes, address, error);
        if (status != VDT_OK)
            return status;
        to += step * row_bytes;
        first += step;
        count -= step;
    }
    return VDT_OK;
}

void vdt_reader_pieces(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                       uint64_t first, uint64_t count,
                       bool (*piece)(void *payload, uint64_t address, uint64_t size), void *payload)
{
    const struct vdt_extent *extent = &reader->groups[group].extents[array];
    size_t row_bytes = vdt_array_row_bytes(&reader->header.layout, array);
    uint64_t address = 0;
    for (uint64_t step = 0; count > 0; first += step, count -= step) {
        bool tile = array < VDT_TILE_ARRAYS;
        step = tile ? 1 : run_of(extent, row_bytes, first, count, &address);
        if (!piece(payload, tile ? extent->addresses[first] : address,
                   tile ? extent->sizes[first] : step * row_bytes))
            return;
    }
}

uint64_t vdt_reader_text_offset(const struct vdt_reader *reader, size_t group, uint64_t index)
{
    return reader->groups[group].text_offsets[index];
}

uint64_t vdt_reader_first_box(const struct vdt_reader *reader, size_t group, uint64_t index)
{
    const uint64_t *offsets = reader->groups[group].box_offsets;
    return offsets == NULL ? 0 : offsets[index];
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

/* A failure that is about one row of an array, and where that lies in the file. */
static vdt_status fail_at(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                          uint64_t row, const char *reason, struct vdt_error *error)
{
    const struct vdt_extent *extent = &reader->groups[group].extents[array];
    uint64_t inside = row % extent->chunk_rows * vdt_array_row_bytes(&reader->header.layout, array);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s/%s[%llu] at byte %llu: %s", reader->path,
                    reader->groups[group].name, vdt_array_path(array), (unsigned long long)row,
                    (unsigned long long)(extent->addresses[row / extent->chunk_rows] + inside),
                    reason);
}

/* The bytes of a chunk where the decoder has the store in memory, else NULL. */
static const unsigned char *mapped(const struct vdt_decoder *decoder, uint64_t address, size_t size)
{
    const struct vdt_map *map = decoder->map;
    if (map == NULL || size > map->size || address > map->size - size)
        return NULL;
    return map->data + address;
}

/* What is read from memory does not pass vdt_file_read, which would fetch what is missing. */
static vdt_status need_mapped(const struct vdt_reader *reader, uint64_t address, size_t size,
                              struct vdt_error *error)
{
    return vdt_file_need(reader->file, &(struct vdt_span){address, size}, 1, NULL, error);
}

static vdt_status read_raw(const struct vdt_reader *reader, const struct vdt_decoder *decoder,
                           uint64_t address, size_t size, void *data, struct vdt_error *error)
{
    const unsigned char *chunk = mapped(decoder, address, size);
    if (chunk == NULL)
        return vdt_file_read(reader->file, data, size, address, error);
    vdt_status status = need_mapped(reader, address, size, error);
    if (status == VDT_OK)
        memcpy(data, chunk, size);
    return status;
}

static vdt_status read_coded(const struct vdt_reader *reader, struct vdt_decoder *decoder,
                             size_t group, enum vdt_array array, uint64_t index, void *data,
                             struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    const struct vdt_extent *extent = &reader->groups[group].extents[array];
    size_t stored = extent->sizes[index];
    const unsigned char *chunk = mapped(decoder, extent->addresses[index], stored);
    vdt_status status = VDT_OK;
    if (chunk == NULL) {
        if (!vdt_buffer_reserve(&decoder->stored, stored))
            return vdt_fail_memory(error, reader->path);
        chunk = decoder->stored.data;
        status = vdt_file_read(reader->file, decoder->stored.data, stored, extent->addresses[index],
                               error);
    } else {
        status = need_mapped(reader, extent->addresses[index], stored, error);
    }
    if (status != VDT_OK)
        return status;
    struct vdt_error reason;
    status = vdt_decode(decoder, vdt_array_codec(layout, array), vdt_array_element(layout, array),
                        chunk, stored, data, vdt_array_row_bytes(layout, array), &reason);
    if (status == VDT_ERR_MEMORY)
        return vdt_fail_memory(error, reader->path);
    return status == VDT_OK ? VDT_OK : fail_at(reader, group, array, index, reason.message, error);
}

vdt_status vdt_reader_stored(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                             uint64_t index, struct vdt_buffer *bytes, struct vdt_error *error)
{
    const struct vdt_extent *extent = &reader->groups[group].extents[array];
    size_t stored = extent->sizes[index];
    if (!vdt_buffer_reserve(bytes, bytes->size + stored))
        return vdt_fail_memory(error, reader->path);
    vdt_status status = vdt_file_read(reader->file, bytes->data + bytes->size, stored,
                                      extent->addresses[index], error);
    if (status == VDT_OK)
        bytes->size += stored;
    return status;
}

vdt_status vdt_reader_tile(const struct vdt_reader *reader, struct vdt_decoder *decoder,
                           size_t group, enum vdt_array array, uint64_t index, void *data,
                           struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    vdt_status status = check_range(reader, group, index, 1, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_array_present(layout, array))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: its tasks have no %s", reader->path,
                        vdt_array_path(array));
    /* Raw chunks are of the right size: that was checked when the store was opened. */
    if (vdt_array_codec(layout, array) == VDT_CODEC_RAW)
        return read_raw(reader, decoder, reader->groups[group].extents[array].addresses[index],
                        vdt_array_row_bytes(layout, array), data, error);
    return read_coded(reader, decoder, group, array, index, data, error);
}

static vdt_status read_tile(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                            uint64_t index, void *data, struct vdt_error *error)
{
    vdt_cleanup(vdt_decoder_clear) struct vdt_decoder decoder = {0};
    return vdt_reader_tile(reader, &decoder, group, array, index, data, error);
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

vdt_status vdt_reader_boundary(const struct vdt_reader *reader, size_t group, uint64_t index,
                               uint8_t *boundary, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_BOUNDARIES, index, boundary, error);
}

vdt_status vdt_reader_contact(const struct vdt_reader *reader, size_t group, uint64_t index,
                              uint8_t *contact, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_CONTACTS, index, contact, error);
}

vdt_status vdt_reader_distance(const struct vdt_reader *reader, size_t group, uint64_t index,
                               float *distance, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_DISTANCES, index, distance, error);
}

vdt_status vdt_reader_target(const struct vdt_reader *reader, size_t group, uint64_t index,
                             float *target, struct vdt_error *error)
{
    return read_tile(reader, group, VDT_TARGETS, index, target, error);
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
    const struct vdt_reader_group *g = &reader->groups[group];
    return g->box_offsets == NULL ? 0 : g->box_offsets[first + count] - g->box_offsets[first];
}

vdt_status vdt_reader_boxes(const struct vdt_reader *reader, size_t group, uint64_t first,
                            uint64_t count, float (*boxes)[4], uint16_t *box_class,
                            int64_t *box_feature, float *box_visible, struct vdt_error *error)
{
    vdt_status status = check_range(reader, group, first, count, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_reader_group *g = &reader->groups[group];
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
    char reason[160];
    if (image != NULL &&
        vdt_crc32c(0, image, layout->image_bytes) != vdt_row_u32(row, VDT_ROW_IMAGE_CRC)) {
        snprintf(reason, sizeof reason, "the image of sample %.63s does not match its checksum",
                 (const char *)row + VDT_ROW_KEY);
        return fail_at(reader, group, VDT_IMAGES, index, reason, error);
    }
    if (labels == NULL || vdt_label_crc(layout, labels) == vdt_row_u32(row, VDT_ROW_LABEL_CRC))
        return VDT_OK;
    /* One checksum for all of them: the first that the store has is named. */
    enum vdt_array first = VDT_MASK;
    while (first < VDT_BOX_OFFSETS && !vdt_array_present(layout, first))
        first++;
    snprintf(reason, sizeof reason, "the labels of sample %.63s do not match their checksum",
             (const char *)row + VDT_ROW_KEY);
    return fail_at(reader, group, first, index, reason, error);
}
