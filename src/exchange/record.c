/* Samples in memory. */
#include "exchange/record.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/file.h"
#include "exchange/planes.h"
#include "store/reader.h"

enum { DETECTS = VDT_DETECTION | VDT_INSTANCE };

static bool reserve_arrays(struct vdt_record_memory *memory, const struct vdt_store_spec *spec)
{
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    memory->image = vdt_allocate(vdt_tile_bytes(&spec->tile), 1);
    memory->stats = vdt_allocate(spec->tile.bands, sizeof *memory->stats);
    bool good = memory->image != NULL && memory->stats != NULL;
    if (good && (spec->tasks & VDT_CLASSIFICATION) != 0)
        good = (memory->onehot = vdt_allocate_zero(spec->class_count, 1)) != NULL;
    for (int i = VDT_MASK; good && i < VDT_TILE_ARRAYS; i++)
        if ((spec->tasks & vdt_planes[i].task) != 0)
            good = (memory->planes[i] = vdt_allocate_zero(
                        pixels, vdt_dtype_size(vdt_plane_dtype((enum vdt_array)i, spec)))) != NULL;
    return good;
}

static bool reserve_boxes(struct vdt_record_memory *memory, size_t count)
{
    count = count == 0 ? 1 : count;
    if (count <= memory->box_capacity)
        return true;
    free(memory->boxes);
    free(memory->box_class);
    free(memory->box_feature);
    free(memory->box_visible);
    memory->boxes = vdt_allocate(count, sizeof *memory->boxes);
    memory->box_class = vdt_allocate(count, sizeof *memory->box_class);
    memory->box_feature = vdt_allocate(count, sizeof *memory->box_feature);
    memory->box_visible = vdt_allocate(count, sizeof *memory->box_visible);
    bool good = memory->boxes != NULL && memory->box_class != NULL && memory->box_feature != NULL &&
                memory->box_visible != NULL;
    memory->box_capacity = good ? count : 0;
    return good;
}

vdt_status vdt_record_reserve(struct vdt_record *record, const struct vdt_store_spec *spec,
                              size_t boxes, struct vdt_error *error)
{
    struct vdt_record_memory *memory = &record->memory;
    if ((memory->image == NULL && !reserve_arrays(memory, spec)) || !reserve_boxes(memory, boxes))
        return vdt_fail_memory(error, "a sample");
    bool detects = (spec->tasks & DETECTS) != 0;
    record->sample.image = memory->image;
    record->sample.stats = memory->stats;
    record->sample.labels =
        (struct vdt_labels){.onehot = memory->onehot,
                            .box_count = detects ? boxes : 0,
                            .boxes = detects ? (const float(*)[4])memory->boxes : NULL,
                            .box_class = detects ? memory->box_class : NULL,
                            .box_feature = detects ? memory->box_feature : NULL,
                            .box_visible = detects ? memory->box_visible : NULL};
    for (int i = VDT_MASK; i < VDT_TILE_ARRAYS; i++)
        vdt_label_set_pixels(&record->sample.labels, (enum vdt_array)i, memory->planes[i]);
    return VDT_OK;
}

static vdt_status read_labels(struct vdt_record_memory *memory, const struct vdt_reader *reader,
                              uint32_t tasks, size_t group, uint64_t index, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if ((tasks & VDT_CLASSIFICATION) != 0)
        status = vdt_reader_onehot(reader, group, index, memory->onehot, error);
    if (status == VDT_OK && (tasks & DETECTS) != 0)
        status = vdt_reader_boxes(reader, group, index, 1, memory->boxes, memory->box_class,
                                  memory->box_feature, memory->box_visible, error);
    vdt_cleanup(vdt_decoder_clear) struct vdt_decoder decoder = {0};
    for (int i = VDT_MASK; status == VDT_OK && i < VDT_TILE_ARRAYS; i++)
        if (memory->planes[i] != NULL)
            status = vdt_reader_tile(reader, &decoder, group, (enum vdt_array)i, index,
                                     memory->planes[i], error);
    return status;
}

vdt_status vdt_record_read(struct vdt_record *record, const struct vdt_reader *reader, size_t group,
                           uint64_t index, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct vdt_record_memory *memory = &record->memory;
    uint64_t boxes = vdt_reader_box_rows(reader, group, index, 1);
    vdt_status status = vdt_record_reserve(record, &spec, (size_t)boxes, error);
    struct vdt_sample row = {0};
    if (status == VDT_OK)
        status = vdt_reader_sample(reader, group, index, &row, memory->stats, error);
    if (status == VDT_OK)
        status = vdt_reader_image(reader, group, index, memory->image, error);
    if (status == VDT_OK)
        status = read_labels(memory, reader, spec.tasks, group, index, error);
    vdt_string_free(memory->metadata);
    memory->metadata = NULL;
    if (status == VDT_OK)
        status = vdt_reader_metadata(reader, group, index, &memory->metadata, error);
    if (status != VDT_OK)
        return status;
    row.labels = record->sample.labels;
    row.image = memory->image;
    row.stats = memory->stats;
    row.metadata = memory->metadata;
    if (row.scene >= vdt_reader_scene_count(reader) || row.crs >= vdt_reader_crs_count(reader))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: sample %s names a scene or CRS that is not there: vedatile check "
                        "lists the damage",
                        vdt_reader_path(reader), row.key);
    for (size_t i = 0; i < row.labels.box_count; i++)
        if (row.labels.box_class[i] >= spec.class_count)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: sample %s has a box of class %u of %zu: vedatile check lists the "
                            "damage",
                            vdt_reader_path(reader), row.key, row.labels.box_class[i],
                            spec.class_count);
    record->sample = row;
    record->group = vdt_reader_group_name(reader, group);
    record->index = index;
    record->first_box = vdt_reader_box_rows(reader, group, 0, index);
    record->scene = vdt_reader_scene(reader, row.scene);
    record->crs = vdt_reader_crs(reader, row.crs);
    vdt_file_name(row.key, record->name);
    return vdt_reader_verify(reader, group, index, row.image, &row.labels, error);
}

void vdt_record_clear(struct vdt_record *record)
{
    struct vdt_record_memory *memory = &record->memory;
    free(memory->image);
    free(memory->onehot);
    free(memory->boxes);
    free(memory->box_class);
    free(memory->box_feature);
    free(memory->box_visible);
    for (int i = VDT_MASK; i < VDT_TILE_ARRAYS; i++)
        free(memory->planes[i]);
    free(memory->stats);
    vdt_string_free(memory->metadata);
    *record = (struct vdt_record){0};
}
