/* One piece of memory for all arrays of fixed size, and rows of boxes that grow. */
#include "load/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "load/memory.h"

enum { ALIGNMENT = 64 };

/* --- boxes ------------------------------------------------------------------------------------ */

/* `array` is the address of a pointer of whatever type. */
static bool move_rows(void *array, size_t count, size_t capacity, size_t size)
{
    void *old = NULL, *grown = NULL;
    if (capacity > SIZE_MAX / size || (grown = vdt_memory_allocate(capacity * size)) == NULL)
        return false;
    memcpy(&old, array, sizeof old);
    if (count > 0)
        memcpy(grown, old, count * size);
    memcpy(array, &grown, sizeof grown);
    free(old);
    return true;
}

bool vdt_box_rows_reserve(struct vdt_box_rows *rows, size_t capacity)
{
    if (capacity <= rows->capacity)
        return true;
    if (capacity < rows->capacity * 2)
        capacity = rows->capacity * 2;
    if (!move_rows(&rows->boxes, rows->count, capacity, sizeof *rows->boxes) ||
        !move_rows(&rows->classes, rows->count, capacity, sizeof *rows->classes) ||
        !move_rows(&rows->features, rows->count, capacity, sizeof *rows->features) ||
        !move_rows(&rows->visible, rows->count, capacity, sizeof *rows->visible))
        return false; /* arrays that did grow are only larger than capacity says */
    rows->capacity = capacity;
    return true;
}

void vdt_box_rows_clear(struct vdt_box_rows *rows)
{
    free(rows->boxes);
    free(rows->classes);
    free(rows->features);
    free(rows->visible);
    *rows = (struct vdt_box_rows){0};
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Takes the place of an array of `count` values of `size` bytes behind *end. */
static bool place(size_t count, size_t size, size_t *end, size_t *at)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2 - *end)
        return false;
    *at = *end;
    *end = (*end + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return true;
}

size_t vdt_batch_pixel(const struct vdt_batch_spec *spec, enum vdt_array array)
{
    switch (array) {
    case VDT_MASK: return spec->mask_size;
    case VDT_INSTANCES: return spec->instances ? sizeof(uint16_t) : 0;
    case VDT_BOUNDARIES: return spec->boundaries ? 1 : 0;
    case VDT_CONTACTS: return spec->contacts ? 1 : 0;
    case VDT_DISTANCES: return spec->distances ? sizeof(float) : 0;
    case VDT_TARGETS: return spec->targets ? sizeof(float) : 0;
    default: return 0;
    }
}

static bool allocate_arrays(struct vdt_batch *batch)
{
    const struct vdt_batch_spec *spec = &batch->spec;
    size_t n = batch->capacity, pixels = (size_t)spec->image.rows * spec->image.cols, end = 0;
    bool offsets = spec->boxes && spec->box_pad == 0;
    const struct {
        void *array; /* where the pointer goes */
        size_t count, size;
    } wanted[] = {
        {&batch->images, n, spec->image_bytes},
        {&batch->pixels[VDT_MASK], n, pixels * vdt_batch_pixel(spec, VDT_MASK)},
        {&batch->pixels[VDT_INSTANCES], n, pixels * vdt_batch_pixel(spec, VDT_INSTANCES)},
        {&batch->pixels[VDT_BOUNDARIES], n, pixels * vdt_batch_pixel(spec, VDT_BOUNDARIES)},
        {&batch->pixels[VDT_CONTACTS], n, pixels * vdt_batch_pixel(spec, VDT_CONTACTS)},
        {&batch->pixels[VDT_DISTANCES], n, pixels * vdt_batch_pixel(spec, VDT_DISTANCES)},
        {&batch->pixels[VDT_TARGETS], n, pixels * vdt_batch_pixel(spec, VDT_TARGETS)},
        {&batch->onehot, n, spec->class_count},
        {&batch->values, spec->value_dtype != 0 ? n : 0, spec->value_bytes},
        {&batch->indices, n, sizeof *batch->indices},
        {&batch->inputs, n, sizeof *batch->inputs},
        {&batch->applied, n, sizeof *batch->applied},
        {&batch->box_offsets, offsets ? n + 1 : 0, sizeof *batch->box_offsets},
        {&batch->box_counts, spec->boxes ? n : 0, sizeof *batch->box_counts},
    };
    enum { ARRAYS = sizeof wanted / sizeof wanted[0] };
    size_t at[ARRAYS];
    for (int i = 0; i < ARRAYS; i++)
        if (!place(wanted[i].count, wanted[i].size, &end, &at[i]))
            return false;
    unsigned char *memory = vdt_memory_allocate(end);
    if (memory == NULL)
        return false;
    batch->memory = memory;
    batch->memory_size = end;
    for (int i = 0; i < ARRAYS; i++) {
        const void *array = memory + at[i];
        if (wanted[i].count > 0 && wanted[i].size > 0)
            memcpy(wanted[i].array, &array, sizeof array);
    }
    return true;
}

static bool allocate_boxes(struct vdt_batch *batch)
{
    size_t rows = 0;
    if (!batch->spec.boxes)
        return true;
    if (batch->spec.box_pad == 0)
        rows = batch->capacity < 8 ? 8 : batch->capacity;
    else if (__builtin_mul_overflow(batch->capacity, batch->spec.box_pad, &rows))
        return false;
    return vdt_box_rows_reserve(&batch->boxes, rows == 0 ? 1 : rows);
}

/* --- the device ------------------------------------------------------------------------------- */

static vdt_status attach(struct vdt_batch *batch, struct vdt_cuda *cuda, bool copy,
                         struct vdt_error *error)
{
    batch->cuda = cuda;
    vdt_status status = vdt_cuda_pin(cuda, batch->memory, batch->memory_size, error);
    batch->pinned = status == VDT_OK;
    if (status == VDT_OK && copy)
        status = vdt_cuda_buffer_create(cuda, batch->memory_size, &batch->device[0], error);
    return status;
}

/* Boxes of a class, feature and visible share each lie behind room for device_boxes of the one
 * before. */
static vdt_status upload_boxes(struct vdt_batch *batch, struct vdt_error *error)
{
    const struct vdt_box_rows *rows = &batch->boxes;
    if (rows->capacity > batch->device_boxes) {
        struct vdt_cuda_buffer *grown = NULL;
        size_t row = sizeof *rows->boxes + sizeof *rows->classes;
        vdt_status status =
            vdt_cuda_buffer_create(batch->cuda, rows->capacity * row, &grown, error);
        if (status != VDT_OK)
            return status;
        vdt_cuda_buffer_free(batch->device[1]);
        batch->device[1] = grown;
        batch->device_boxes = rows->capacity;
    }
    if (rows->count == 0)
        return VDT_OK;
    vdt_status status =
        vdt_cuda_copy(batch->device[1], 0, rows->boxes, rows->count * sizeof *rows->boxes, error);
    if (status == VDT_OK)
        status = vdt_cuda_copy(batch->device[1], batch->device_boxes * sizeof *rows->boxes,
                               rows->classes, rows->count * sizeof *rows->classes, error);
    return status;
}

static vdt_status upload_array(struct vdt_batch *batch, const void *array, size_t size,
                               struct vdt_error *error)
{
    if (array == NULL || size == 0)
        return VDT_OK;
    size_t at = (size_t)((const unsigned char *)array - (unsigned char *)batch->memory);
    return vdt_cuda_copy(batch->device[0], at, array, size, error);
}

vdt_status vdt_batch_upload(struct vdt_batch *batch, struct vdt_error *error)
{
    if (batch->device[0] == NULL)
        return VDT_OK;
    const struct vdt_batch_spec *spec = &batch->spec;
    size_t n = batch->size, pixels = (size_t)spec->image.rows * spec->image.cols;
    const struct {
        const void *array;
        size_t size;
    } arrays[] = {{batch->images, n * spec->image_bytes},
                  {batch->onehot, n * spec->class_count},
                  {batch->values, n * spec->value_bytes},
                  {batch->box_offsets, (n + 1) * sizeof *batch->box_offsets},
                  {batch->box_counts, n * sizeof *batch->box_counts}};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof arrays / sizeof arrays[0]; i++)
        status = upload_array(batch, arrays[i].array, arrays[i].size, error);
    for (enum vdt_array a = VDT_MASK; status == VDT_OK && a < VDT_TILE_ARRAYS; a++)
        status =
            upload_array(batch, batch->pixels[a], n * pixels * vdt_batch_pixel(spec, a), error);
    return status == VDT_OK && spec->boxes ? upload_boxes(batch, error) : status;
}

vdt_status vdt_batch_arrived(struct vdt_batch *batch, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (int i = 0; status == VDT_OK && i < 2; i++)
        if (batch->device[i] != NULL)
            status = vdt_cuda_wait(batch->device[i], error);
    return status;
}

static uint64_t on_device(const struct vdt_batch *batch, const void *array)
{
    if (batch->device[0] == NULL || array == NULL)
        return 0;
    return vdt_cuda_buffer_address(batch->device[0]) +
           (uint64_t)((const unsigned char *)array - (unsigned char *)batch->memory);
}

struct vdt_batch_device vdt_batch_device(const struct vdt_batch *batch)
{
    struct vdt_batch_device device = {
        .images = on_device(batch, batch->images),
        .onehot = on_device(batch, batch->onehot),
        .masks = on_device(batch, batch->pixels[VDT_MASK]),
        .instances = on_device(batch, batch->pixels[VDT_INSTANCES]),
        .boundaries = on_device(batch, batch->pixels[VDT_BOUNDARIES]),
        .contacts = on_device(batch, batch->pixels[VDT_CONTACTS]),
        .distances = on_device(batch, batch->pixels[VDT_DISTANCES]),
        .targets = on_device(batch, batch->pixels[VDT_TARGETS]),
        .values = on_device(batch, batch->values),
        .box_offsets = on_device(batch, batch->box_offsets),
        .box_counts = on_device(batch, batch->box_counts),
    };
    if (batch->device[1] != NULL) {
        device.boxes = vdt_cuda_buffer_address(batch->device[1]);
        device.box_class = device.boxes + batch->device_boxes * sizeof *batch->boxes.boxes;
    }
    if (batch->device[0] != NULL)
        device.device = vdt_cuda_device(batch->cuda);
    return device;
}

void vdt_batch_used_on(struct vdt_batch *batch, void *stream)
{
    for (int i = 0; i < 2; i++)
        if (batch->device[i] != NULL)
            vdt_cuda_used_on(batch->device[i], stream);
}

/* --- a batch ---------------------------------------------------------------------------------- */

vdt_status vdt_batch_create(const struct vdt_batch_spec *spec, size_t capacity, size_t parts,
                            struct vdt_cuda *cuda, bool copy, struct vdt_batch **out,
                            struct vdt_error *error)
{
    struct vdt_batch *batch = vdt_allocate_zero(1, sizeof *batch);
    vdt_status status = VDT_OK;
    if (batch != NULL) {
        batch->spec = *spec;
        batch->capacity = capacity == 0 ? 1 : capacity; /* so that all arrays are there */
        batch->part_count = parts;
        batch->parts = vdt_allocate_zero(parts, sizeof *batch->parts);
        atomic_init(&batch->parts_left, parts);
    }
    if (batch == NULL || batch->parts == NULL || !allocate_arrays(batch) || !allocate_boxes(batch))
        status = vdt_fail(error, VDT_ERR_MEMORY,
                          "out of memory for a batch of %zu samples of %zu "
                          "bytes: make batches smaller",
                          capacity, spec->image_bytes);
    if (status == VDT_OK && cuda != NULL)
        status = attach(batch, cuda, copy, error);
    if (status == VDT_OK)
        *out = batch;
    else
        vdt_batch_destroy(batch);
    return status;
}

void vdt_batch_destroy(struct vdt_batch *batch)
{
    if (batch == NULL)
        return;
    vdt_cuda_buffer_free(batch->device[0]);
    vdt_cuda_buffer_free(batch->device[1]);
    if (batch->pinned)
        vdt_cuda_unpin(batch->cuda, batch->memory);
    for (size_t i = 0; batch->parts != NULL && i < batch->part_count; i++) {
        vdt_box_rows_clear(&batch->parts[i].boxes);
        vdt_buffer_clear(&batch->parts[i].damage);
    }
    free(batch->parts);
    vdt_box_rows_clear(&batch->boxes);
    free(batch->memory);
    free(batch);
}

uint64_t vdt_batch_memory(const struct vdt_batch *batch)
{
    const struct vdt_box_rows *rows = &batch->boxes;
    return batch->memory_size +
           rows->capacity * (uint64_t)(sizeof *rows->boxes + sizeof *rows->classes +
                                       sizeof *rows->features + sizeof *rows->visible);
}

struct vdt_batch_spec vdt_batch_spec(const struct vdt_batch *batch)
{
    return batch->spec;
}

struct vdt_batch_view vdt_batch_view(const struct vdt_batch *batch)
{
    return (struct vdt_batch_view){
        .size = batch->size,
        .position = batch->position,
        .indices = batch->indices,
        .inputs = batch->inputs,
        .applied = batch->applied,
        .images = batch->images,
        .onehot = batch->onehot,
        .masks = batch->pixels[VDT_MASK],
        .instances = (const uint16_t *)(const void *)batch->pixels[VDT_INSTANCES],
        .boundaries = batch->pixels[VDT_BOUNDARIES],
        .contacts = batch->pixels[VDT_CONTACTS],
        .distances = (const float *)(const void *)batch->pixels[VDT_DISTANCES],
        .targets = (const float *)(const void *)batch->pixels[VDT_TARGETS],
        .values = batch->values,
        .box_offsets = batch->box_offsets,
        .box_counts = batch->spec.box_pad > 0 ? batch->box_counts : NULL,
        .boxes = (const float(*)[4])batch->boxes.boxes,
        .box_class = batch->boxes.classes,
        .box_feature = batch->boxes.features,
        .box_visible = batch->boxes.visible,
        .skipped = batch->skipped,
    };
}

void vdt_batch_free(struct vdt_batch *batch)
{
    if (batch == NULL)
        return;
    /* Work on the default stream may still read the device's copy. */
    vdt_batch_used_on(batch, NULL);
    if (batch->home != NULL)
        vdt_batch_home_give(batch->home, batch);
    else
        vdt_batch_destroy(batch);
}
