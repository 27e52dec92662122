/* A sample's arrays by name. */
#include "exchange/arrays.h"

#include "base/error.h"

static void add(struct vdt_named_array *arrays, size_t *count, const char *name,
                enum vdt_dtype dtype, int axes, const uint64_t *shape, const void *data)
{
    if (data == NULL)
        return;
    struct vdt_named_array *entry = &arrays[(*count)++];
    *entry = (struct vdt_named_array){
        .name = name,
        .array = {.dtype = dtype, .axes = axes, .data = data, .size = vdt_dtype_size(dtype)}};
    for (int i = 0; i < axes; i++) {
        entry->array.shape[i] = shape[i];
        entry->array.size *= (size_t)shape[i];
    }
}

size_t vdt_arrays_of(const struct vdt_record *record, const struct vdt_store_spec *spec,
                     const struct vdt_tile_spec *tile, const void *pixels,
                     struct vdt_named_array arrays[VDT_ARRAYS_MOST])
{
    const struct vdt_labels *labels = &record->sample.labels;
    const uint64_t image[3] = {tile->bands, tile->rows, tile->cols};
    const uint64_t boxes[2] = {labels->box_count, 4};
    enum vdt_dtype mask = spec->class_count > 254 ? VDT_UINT16 : VDT_UINT8;
    size_t count = 0;
    add(arrays, &count, "image", tile->dtype, 3, image, pixels);
    add(arrays, &count, "onehot", VDT_UINT8, 1, &(uint64_t){spec->class_count}, labels->onehot);
    add(arrays, &count, "boxes", VDT_FLOAT32, 2, boxes, labels->boxes);
    add(arrays, &count, "box_class", VDT_UINT16, 1, boxes, labels->box_class);
    add(arrays, &count, "box_feature", VDT_INT64, 1, boxes, labels->box_feature);
    add(arrays, &count, "box_visible", VDT_FLOAT32, 1, boxes, labels->box_visible);
    add(arrays, &count, "mask", mask, 2, image + 1, labels->mask);
    add(arrays, &count, "instances", VDT_UINT16, 2, image + 1, labels->instances);
    return count;
}

vdt_status vdt_arrays_add(struct vdt_archive *archive, const char *name,
                          const struct vdt_npy *array, struct vdt_buffer *bytes,
                          struct vdt_error *error)
{
    bytes->size = 0;
    if (!vdt_npy_append(bytes, array))
        return vdt_fail_memory(error, name);
    return vdt_archive_add(archive, name, bytes->data, bytes->size, error);
}
