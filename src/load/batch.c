/* One slot of the loader's ring: contiguous arrays, filled sample by sample by one worker. */
#include "load/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "store/reader.h"

/* What vector units and DLPack consumers ask for. */
enum { ALIGNMENT = 64 };

struct vdt_batch_source vdt_batch_source(const struct vdt_reader *reader, size_t group, bool verify)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    size_t pixels = (size_t)spec.tile.rows * spec.tile.cols;
    struct vdt_batch_source source = {.reader = reader, .group = group, .verify = verify};
    source.image_size = vdt_tile_bytes(&spec.tile);
    source.boxes = (spec.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
    if (spec.tasks & VDT_CLASSIFICATION)
        source.onehot_size = spec.class_count;
    if (spec.tasks & VDT_SEGMENTATION)
        source.mask_size = pixels * vdt_reader_mask_size(reader);
    if (spec.tasks & VDT_INSTANCE)
        source.instances_size = pixels * sizeof(uint16_t);
    return source;
}

static void *allocate(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, bytes == 0 ? ALIGNMENT : bytes) != 0)
        return NULL;
    return memory;
}

static void free_boxes(struct vdt_batch_arrays *arrays)
{
    free(arrays->boxes);
    free(arrays->box_class);
    free(arrays->box_feature);
    free(arrays->box_visible);
}

/* Drops what the box arrays held: offsets are known before the first box is read. */
static bool reserve_boxes(struct vdt_batch_arrays *arrays, size_t needed)
{
    if (needed <= arrays->box_capacity)
        return true;
    size_t capacity = arrays->box_capacity > SIZE_MAX / 2 ? needed : arrays->box_capacity * 2;
    if (capacity < needed)
        capacity = needed;
    struct vdt_batch_arrays grown = {
        .boxes = allocate(capacity, sizeof *grown.boxes),
        .box_class = allocate(capacity, sizeof *grown.box_class),
        .box_feature = allocate(capacity, sizeof *grown.box_feature),
        .box_visible = allocate(capacity, sizeof *grown.box_visible),
    };
    if (grown.boxes == NULL || grown.box_class == NULL || grown.box_feature == NULL ||
        grown.box_visible == NULL) {
        free_boxes(&grown);
        return false;
    }
    free_boxes(arrays);
    arrays->boxes = grown.boxes;
    arrays->box_class = grown.box_class;
    arrays->box_feature = grown.box_feature;
    arrays->box_visible = grown.box_visible;
    arrays->box_capacity = capacity;
    return true;
}

static bool allocate_arrays(struct vdt_batch_arrays *arrays, const struct vdt_batch_source *source)
{
    size_t capacity = arrays->capacity;
    arrays->indices = allocate(capacity, sizeof *arrays->indices);
    arrays->images = allocate(capacity, source->image_size);
    if (arrays->indices == NULL || arrays->images == NULL)
        return false;
    if (source->onehot_size > 0 &&
        (arrays->onehot = allocate(capacity, source->onehot_size)) == NULL)
        return false;
    if (source->mask_size > 0 && (arrays->masks = allocate(capacity, source->mask_size)) == NULL)
        return false;
    if (source->instances_size > 0 &&
        (arrays->instances = allocate(capacity, source->instances_size)) == NULL)
        return false;
    if (!source->boxes)
        return true;
    arrays->box_offsets = allocate(capacity + 1, sizeof *arrays->box_offsets);
    return arrays->box_offsets != NULL && reserve_boxes(arrays, capacity < 8 ? 8 : capacity);
}

vdt_status vdt_batch_init(struct vdt_batch_arrays *arrays, const struct vdt_batch_source *source,
                          size_t capacity, struct vdt_error *error)
{
    *arrays = (struct vdt_batch_arrays){.capacity = capacity};
    if (allocate_arrays(arrays, source))
        return VDT_OK;
    vdt_batch_clear(arrays);
    return vdt_fail(error, VDT_ERR_MEMORY, "%s: out of memory for a batch of %zu samples",
                    vdt_reader_path(source->reader), capacity);
}

/* Lays out the batch's boxes, so that they are read straight to their place. */
static vdt_status place_boxes(struct vdt_batch_arrays *arrays,
                              const struct vdt_batch_source *source, struct vdt_error *error)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < arrays->size; i++) {
        arrays->box_offsets[i] = rows;
        rows += vdt_reader_box_rows(source->reader, source->group, arrays->indices[i], 1);
    }
    arrays->box_offsets[arrays->size] = rows;
    if (rows == (size_t)rows && reserve_boxes(arrays, (size_t)rows))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MEMORY, "%s: out of memory for %llu boxes of a batch",
                    vdt_reader_path(source->reader), (unsigned long long)rows);
}

static vdt_status read_labels(struct vdt_batch_arrays *arrays,
                              const struct vdt_batch_source *source, size_t i,
                              struct vdt_labels *labels, struct vdt_error *error)
{
    const struct vdt_reader *reader = source->reader;
    uint64_t index = arrays->indices[i];
    vdt_status status = VDT_OK;
    if (arrays->onehot != NULL) {
        uint8_t *onehot = arrays->onehot + i * source->onehot_size;
        labels->onehot = onehot;
        status = vdt_reader_onehot(reader, source->group, index, onehot, error);
    }
    if (status == VDT_OK && arrays->masks != NULL) {
        void *mask = arrays->masks + i * source->mask_size;
        labels->mask = mask;
        status = vdt_reader_mask(reader, source->group, index, mask, error);
    }
    if (status == VDT_OK && arrays->instances != NULL) {
        uint16_t *instances = arrays->instances + i * (source->instances_size / sizeof *instances);
        labels->instances = instances;
        status = vdt_reader_instances(reader, source->group, index, instances, error);
    }
    if (status == VDT_OK && arrays->box_offsets != NULL) {
        size_t row = (size_t)arrays->box_offsets[i];
        labels->box_count = (size_t)arrays->box_offsets[i + 1] - row;
        labels->boxes = (const float(*)[4])(arrays->boxes + row);
        labels->box_class = arrays->box_class + row;
        labels->box_feature = arrays->box_feature + row;
        labels->box_visible = arrays->box_visible + row;
        if (labels->box_count > 0)
            status = vdt_reader_boxes(reader, source->group, index, 1, arrays->boxes + row,
                                      arrays->box_class + row, arrays->box_feature + row,
                                      arrays->box_visible + row, error);
    }
    return status;
}

vdt_status vdt_batch_fill(struct vdt_batch_arrays *arrays, const struct vdt_batch_source *source,
                          size_t size, struct vdt_error *error)
{
    assert(size <= arrays->capacity);
    arrays->size = size;
    vdt_status status = VDT_OK;
    if (source->boxes)
        status = place_boxes(arrays, source, error);
    for (size_t i = 0; status == VDT_OK && i < size; i++) {
        uint64_t index = arrays->indices[i];
        unsigned char *image = arrays->images + i * source->image_size;
        struct vdt_labels labels = {0};
        status = vdt_reader_image(source->reader, source->group, index, image, error);
        if (status == VDT_OK)
            status = read_labels(arrays, source, i, &labels, error);
        if (status == VDT_OK && source->verify)
            status = vdt_reader_verify(source->reader, source->group, index, image, &labels, error);
    }
    return status;
}

void vdt_batch_clear(struct vdt_batch_arrays *arrays)
{
    free(arrays->indices);
    free(arrays->images);
    free(arrays->onehot);
    free(arrays->masks);
    free(arrays->instances);
    free(arrays->box_offsets);
    free_boxes(arrays);
    *arrays = (struct vdt_batch_arrays){0};
}
