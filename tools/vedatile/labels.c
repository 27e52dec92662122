/* All labels of one sample in memory. */
#include "labels.h"

#include <stdlib.h>

#include "report.h"

static size_t tile_pixels(const struct vdt_store_spec *spec)
{
    return (size_t)spec->tile.rows * spec->tile.cols;
}

/* Widened in place, from the end, so that one buffer is enough. */
static void widen_mask(uint16_t *mask, size_t pixels)
{
    const uint8_t *narrow = (const uint8_t *)mask;
    for (size_t i = pixels; i-- > 0;) {
        uint8_t value = narrow[i];
        mask[i] = value == VDT_IGNORE_U8 ? (uint16_t)LABELS_IGNORE : value;
    }
}

static vdt_status load_rasters(const struct vdt_reader *reader, struct sample_ref sample,
                               struct labels *labels, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    size_t pixels = tile_pixels(&spec);
    vdt_status status = VDT_OK;
    if (spec.tasks & VDT_SEGMENTATION) {
        labels->mask = calloc(pixels, sizeof *labels->mask);
        if (!labels->mask)
            return error_memory(error);
        status = vdt_reader_mask(reader, sample.group, sample.index, labels->mask, error);
        if (!status && vdt_reader_mask_size(reader) == 1)
            widen_mask(labels->mask, pixels);
    }
    if (!status && (spec.tasks & VDT_INSTANCE)) {
        labels->instances = calloc(pixels, sizeof *labels->instances);
        if (!labels->instances)
            return error_memory(error);
        status = vdt_reader_instances(reader, sample.group, sample.index, labels->instances, error);
    }
    return status;
}

typedef vdt_status (*read_edges)(const struct vdt_reader *reader, size_t group, uint64_t index,
                                 uint8_t *pixels, struct vdt_error *error);
typedef vdt_status (*read_numbers)(const struct vdt_reader *reader, size_t group, uint64_t index,
                                   float *pixels, struct vdt_error *error);

static vdt_status load_edges(const struct vdt_reader *reader, struct sample_ref sample,
                             read_edges read, uint16_t **edges, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    *edges = calloc(tile_pixels(&spec), sizeof **edges);
    if (!*edges)
        return error_memory(error);
    vdt_status status = read(reader, sample.group, sample.index, (uint8_t *)*edges, error);
    if (!status)
        widen_mask(*edges, tile_pixels(&spec));
    return status;
}

static vdt_status load_numbers(const struct vdt_reader *reader, struct sample_ref sample,
                               read_numbers read, float **numbers, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    *numbers = calloc(tile_pixels(&spec), sizeof **numbers);
    return *numbers ? read(reader, sample.group, sample.index, *numbers, error)
                    : error_memory(error);
}

static vdt_status load_surroundings(const struct vdt_reader *reader, struct sample_ref sample,
                                    struct labels *labels, struct vdt_error *error)
{
    uint32_t tasks = vdt_reader_spec(reader).tasks;
    vdt_status status = VDT_OK;
    if (tasks & VDT_BOUNDARY)
        status = load_edges(reader, sample, vdt_reader_boundary, &labels->boundary, error);
    if (!status && (tasks & VDT_CONTACT))
        status = load_edges(reader, sample, vdt_reader_contact, &labels->contact, error);
    if (!status && (tasks & VDT_DISTANCE))
        status = load_numbers(reader, sample, vdt_reader_distance, &labels->distance, error);
    if (!status && (tasks & VDT_REGRESSION))
        status = load_numbers(reader, sample, vdt_reader_target, &labels->target, error);
    return status;
}

static vdt_status load_lists(const struct vdt_reader *reader, struct sample_ref sample,
                             struct labels *labels, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    vdt_status status = VDT_OK;
    if (spec.tasks & VDT_CLASSIFICATION) {
        labels->onehot = calloc(spec.class_count + 1, 1);
        if (!labels->onehot)
            return error_memory(error);
        status = vdt_reader_onehot(reader, sample.group, sample.index, labels->onehot, error);
    }
    size_t count = (size_t)vdt_reader_box_rows(reader, sample.group, sample.index, 1);
    if (status || count == 0)
        return status;
    labels->boxes = calloc(count, sizeof *labels->boxes);
    labels->box_class = calloc(count, sizeof *labels->box_class);
    if (!labels->boxes || !labels->box_class)
        return error_memory(error);
    labels->box_count = count;
    return vdt_reader_boxes(reader, sample.group, sample.index, 1, labels->boxes, labels->box_class,
                            NULL, NULL, error);
}

vdt_status labels_load(const struct vdt_reader *reader, struct sample_ref sample,
                       struct labels *labels, struct vdt_error *error)
{
    struct labels loaded = {0};
    vdt_status status = load_rasters(reader, sample, &loaded, error);
    if (!status)
        status = load_surroundings(reader, sample, &loaded, error);
    if (!status)
        status = load_lists(reader, sample, &loaded, error);
    if (status)
        labels_clear(&loaded);
    else
        *labels = loaded;
    return status;
}

void labels_clear(struct labels *labels)
{
    free(labels->onehot);
    free(labels->mask);
    free(labels->instances);
    free(labels->boundary);
    free(labels->contact);
    free(labels->distance);
    free(labels->target);
    free(labels->boxes);
    free(labels->box_class);
    *labels = (struct labels){0};
}

bool labels_show(const struct labels *labels, const struct vdt_store_spec *spec, size_t class_id)
{
    if (labels->onehot && labels->onehot[class_id])
        return true;
    for (size_t i = 0; i < labels->box_count; i++)
        if (labels->box_class[i] == class_id)
            return true;
    size_t pixels = labels->mask ? tile_pixels(spec) : 0;
    for (size_t i = 0; i < pixels; i++)
        if (labels->mask[i] == class_id + 1)
            return true;
    return false;
}
