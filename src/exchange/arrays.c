/* A sample's arrays by name. */
#include "exchange/arrays.h"

#include "base/error.h"
#include "exchange/planes.h"

const char *vdt_array_name(size_t kind)
{
    static const char *const columns[VDT_ARRAYS_PLANES] = {
        "image", "onehot", "boxes", "box_class", "box_feature", "box_visible"};
    return kind < VDT_ARRAYS_PLANES ? columns[kind]
                                    : vdt_planes[kind - VDT_ARRAYS_PLANES + VDT_MASK].name;
}

static void add(struct vdt_named_array *arrays, size_t *count, size_t kind, enum vdt_dtype dtype,
                int axes, const uint64_t *shape, const void *data)
{
    if (data == NULL)
        return;
    struct vdt_named_array *entry = &arrays[(*count)++];
    *entry = (struct vdt_named_array){
        .kind = kind,
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
    size_t count = 0;
    add(arrays, &count, 0, tile->dtype, 3, image, pixels);
    add(arrays, &count, 1, VDT_UINT8, 1, &(uint64_t){spec->class_count}, labels->onehot);
    add(arrays, &count, 2, VDT_FLOAT32, 2, boxes, labels->boxes);
    add(arrays, &count, 3, VDT_UINT16, 1, boxes, labels->box_class);
    add(arrays, &count, 4, VDT_INT64, 1, boxes, labels->box_feature);
    add(arrays, &count, 5, VDT_FLOAT32, 1, boxes, labels->box_visible);
    for (enum vdt_array i = VDT_MASK; i < VDT_TILE_ARRAYS; i++)
        add(arrays, &count, VDT_ARRAYS_PLANES + i - VDT_MASK, vdt_plane_dtype(i, spec), 2,
            image + 1, vdt_label_pixels(labels, i));
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
