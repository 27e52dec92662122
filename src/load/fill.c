/* A part of a batch, sample by sample; and the batch, when all parts are there. */
#include "load/fill.h"

#include <string.h>

#include "base/error.h"

enum { PAD_CLASS = 65535 };

/* A batch of this many bytes is no longer in a processor's caches when it is read. */
static const size_t large_batch = (size_t)4 << 20;

void vdt_scratch_clear(struct vdt_scratch *scratch)
{
    vdt_decoder_clear(&scratch->decoder);
    vdt_hdf5_cursor_clear(&scratch->cursor);
    vdt_buffer_clear(&scratch->image);
    for (int a = 0; a < VDT_TILE_ARRAYS; a++)
        vdt_buffer_clear(&scratch->pixels[a]);
    vdt_buffer_clear(&scratch->values);
    vdt_buffer_clear(&scratch->numbers);
    vdt_buffer_clear(&scratch->indices);
}

/* One sample on its way: where it comes from, where it goes, and its labels as they are stored. */
struct sample {
    const struct vdt_fill *fill;
    struct vdt_scratch *scratch;
    struct vdt_batch *batch;
    struct vdt_box_rows *rows; /* the part's; the sample's begin at `row` */
    size_t row;
    size_t row_count;
    const struct vdt_source *source;
    uint64_t index;
    size_t at; /* place in the batch */
    const void *image;
    const void *values;                  /* labels of another file */
    const void *pixels[VDT_TILE_ARRAYS]; /* labels, NULL where there are none */
};

/* Where an array is read to: straight to its place, or to scratch memory when it changes on the
 * way. */
static void *target(struct vdt_buffer *scratch, bool as_is, void *place, size_t size)
{
    if (as_is)
        return place;
    return vdt_buffer_reserve(scratch, size) ? scratch->data : NULL;
}

static vdt_status no_memory(const struct sample *sample, struct vdt_error *error)
{
    return vdt_fail_memory(error, vdt_source_path(sample->source));
}

static vdt_status read_image(struct sample *sample, struct vdt_error *error)
{
    const struct vdt_source *source = sample->source;
    const struct vdt_plan_transform *transform = &sample->fill->recipe->transform;
    void *to =
        target(&sample->scratch->image, transform->image_as_is,
               sample->batch->images + sample->at * transform->out_bytes, transform->in_bytes);
    if (to == NULL)
        return no_memory(sample, error);
    sample->image = to;
    if (source->reader == NULL)
        return vdt_hdf5_read_image(source->hdf5, &sample->scratch->cursor, sample->index, to,
                                   error);
    struct vdt_decoder *decoder = &sample->scratch->decoder;
    decoder->past = transform->image_as_is && !sample->fill->verify &&
                    sample->batch->capacity * transform->out_bytes >= large_batch;
    vdt_status status = vdt_reader_tile(source->reader, decoder, source->group, VDT_IMAGES,
                                        sample->index, to, error);
    decoder->past = false;
    return status;
}

static size_t pixels_out(const struct vdt_batch *batch)
{
    return (size_t)batch->spec.image.rows * batch->spec.image.cols;
}

/* Where a sample's label array is delivered. */
static unsigned char *place_of(const struct sample *sample, enum vdt_array array)
{
    const struct vdt_batch *batch = sample->batch;
    return batch->pixels[array] +
           sample->at * pixels_out(batch) * vdt_batch_pixel(&batch->spec, array);
}

static vdt_status read_pixels(struct sample *sample, enum vdt_array array, struct vdt_error *error)
{
    const struct vdt_plan_transform *transform = &sample->fill->recipe->transform;
    size_t pixel = vdt_batch_pixel(&sample->batch->spec, array);
    void *to =
        target(&sample->scratch->pixels[array], transform->labels_as_is, place_of(sample, array),
               (size_t)transform->in.rows * transform->in.cols * pixel);
    if (to == NULL)
        return no_memory(sample, error);
    sample->pixels[array] = to;
    return vdt_reader_tile(sample->source->reader, &sample->scratch->decoder, sample->source->group,
                           array, sample->index, to, error);
}

static vdt_status read_boxes(struct sample *sample, struct vdt_error *error)
{
    struct vdt_box_rows *rows = sample->rows;
    sample->row = rows->count;
    sample->row_count = (size_t)vdt_source_box_rows(sample->source, sample->index);
    if (!vdt_box_rows_reserve(rows, rows->count + sample->row_count))
        return no_memory(sample, error);
    if (sample->row_count == 0)
        return VDT_OK;
    return vdt_columns_boxes(sample->source->columns, sample->index, rows->boxes + sample->row,
                             rows->classes + sample->row, rows->features + sample->row,
                             rows->visible + sample->row, error);
}

/* Labels of another file. */
static vdt_status read_values(struct sample *sample, struct vdt_error *error)
{
    const struct vdt_recipe *recipe = sample->fill->recipe;
    void *to = target(&sample->scratch->values, recipe->value_pixel == 0,
                      sample->batch->values + sample->at * recipe->spec.value_bytes,
                      recipe->sources->values.label_bytes);
    if (to == NULL)
        return no_memory(sample, error);
    sample->values = to;
    return vdt_hdf5_read_label(sample->source->hdf5, &sample->scratch->cursor, sample->index, to,
                               error);
}

static vdt_status read_labels(struct sample *sample, struct vdt_error *error)
{
    struct vdt_batch *batch = sample->batch;
    const struct vdt_batch_spec *spec = &batch->spec;
    vdt_status status = VDT_OK;
    if (batch->values != NULL)
        status = read_values(sample, error);
    if (status == VDT_OK && batch->onehot != NULL)
        status = vdt_columns_onehot(sample->source->columns, sample->index,
                                    batch->onehot + sample->at * spec->class_count, error);
    for (enum vdt_array a = VDT_MASK; status == VDT_OK && a < VDT_TILE_ARRAYS; a++)
        if (batch->pixels[a] != NULL)
            status = read_pixels(sample, a, error);
    if (status == VDT_OK && spec->boxes)
        status = read_boxes(sample, error);
    return status;
}

/* The labels' checksum is over all of them, so it can be compared only when all were read. */
static vdt_status verify(const struct sample *sample, struct vdt_error *error)
{
    const struct vdt_source *source = sample->source;
    const struct vdt_batch *batch = sample->batch;
    if (source->reader == NULL)
        return VDT_OK;
    bool all = vdt_reader_spec(source->reader).tasks == sample->fill->recipe->sources->tasks;
    struct vdt_labels labels = {.box_count = sample->row_count};
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        vdt_label_set_pixels(&labels, a, sample->pixels[a]);
    if (batch->onehot != NULL)
        labels.onehot = batch->onehot + sample->at * batch->spec.class_count;
    if (batch->spec.boxes) {
        labels.boxes = (const float(*)[4])(sample->rows->boxes + sample->row);
        labels.box_class = sample->rows->classes + sample->row;
        labels.box_feature = sample->rows->features + sample->row;
        labels.box_visible = sample->rows->visible + sample->row;
    }
    return vdt_columns_verify(source->columns, sample->index, sample->image, all ? &labels : NULL,
                              error);
}

/* Instances are then numbered by the boxes that are left. */
static vdt_status transform_labels(struct sample *sample, const struct vdt_applied *applied,
                                   struct vdt_error *error)
{
    const struct vdt_plan_transform *transform = &sample->fill->recipe->transform;
    struct vdt_batch *batch = sample->batch;
    struct vdt_box_rows *rows = sample->rows;
    size_t row = sample->row, left = 0;
    if (batch->values != NULL && sample->fill->recipe->value_pixel > 0)
        vdt_transform_pixels(transform, applied, sample->values, sample->fill->recipe->value_pixel,
                             batch->values + sample->at * batch->spec.value_bytes);
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        if (batch->pixels[a] != NULL)
            vdt_transform_pixels(transform, applied, sample->pixels[a],
                                 vdt_batch_pixel(&batch->spec, a), place_of(sample, a));
    if (!batch->spec.boxes)
        return VDT_OK;
    if (!vdt_buffer_reserve(&sample->scratch->numbers, (sample->row_count + 1) * sizeof(uint16_t)))
        return no_memory(sample, error);
    uint16_t *numbers = (uint16_t *)(void *)sample->scratch->numbers.data;
    left = vdt_transform_boxes(transform, applied, sample->row_count, rows->boxes + row,
                               rows->classes + row, rows->features + row, rows->visible + row,
                               numbers);
    if (batch->pixels[VDT_INSTANCES] != NULL && left < sample->row_count)
        vdt_renumber((uint16_t *)(void *)place_of(sample, VDT_INSTANCES), pixels_out(batch),
                     numbers, sample->row_count);
    sample->row_count = left;
    return VDT_OK;
}

static vdt_status fill_sample(struct sample *sample, uint64_t position, struct vdt_error *error)
{
    const struct vdt_recipe *recipe = sample->fill->recipe;
    const struct vdt_plan_transform *transform = &recipe->transform;
    struct vdt_batch *batch = sample->batch;
    vdt_status status = read_image(sample, error);
    if (status == VDT_OK)
        status = read_labels(sample, error);
    if (status == VDT_OK && sample->fill->verify)
        status = verify(sample, error);
    if (status != VDT_OK)
        return status;
    struct vdt_applied applied =
        vdt_transform_choose(transform, recipe->seed, sample->fill->epoch, position);
    if (!transform->image_as_is)
        vdt_transform_image(transform, &applied, sample->image,
                            batch->images + sample->at * transform->out_bytes);
    if (!transform->labels_as_is)
        status = transform_labels(sample, &applied, error);
    batch->applied[sample->at] = applied;
    return status;
}

/* Damage is noted and the next sample takes the place; everything else ends the batch. */
static vdt_status note_damage(const struct vdt_recipe *recipe, struct vdt_part *part,
                              const struct vdt_error *reason, struct vdt_error *error)
{
    if (!recipe->skip || (reason->status != VDT_ERR_FORMAT && reason->status != VDT_ERR_IO))
        return vdt_fail(error, reason->status, "%s", reason->message);
    if (!vdt_buffer_append(&part->damage, reason->message, strlen(reason->message) + 1))
        return vdt_fail_memory(error, "a batch");
    return VDT_OK;
}

/* --- the whole batch -------------------------------------------------------------------------- */

static void move(void *array, size_t to, size_t from, size_t count, size_t size)
{
    if (array != NULL && size > 0)
        memmove((char *)array + to * size, (char *)array + from * size, count * size);
}

/* Closes the gap that skipped samples left before a part. */
static void move_part(struct vdt_batch *batch, size_t to, const struct vdt_part *part)
{
    const struct vdt_batch_spec *spec = &batch->spec;
    size_t pixels = pixels_out(batch), from = part->first, count = part->filled;
    move(batch->images, to, from, count, spec->image_bytes);
    move(batch->onehot, to, from, count, spec->class_count);
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        move(batch->pixels[a], to, from, count, pixels * vdt_batch_pixel(spec, a));
    move(batch->values, to, from, count, spec->value_bytes);
    move(batch->indices, to, from, count, sizeof *batch->indices);
    move(batch->inputs, to, from, count, sizeof *batch->inputs);
    move(batch->applied, to, from, count, sizeof *batch->applied);
    move(batch->box_counts, to, from, count, sizeof *batch->box_counts);
}

static void copy_rows(struct vdt_box_rows *to, size_t at, const struct vdt_box_rows *from,
                      size_t row, size_t count)
{
    if (count == 0)
        return;
    memcpy(to->boxes + at, from->boxes + row, count * sizeof *to->boxes);
    memcpy(to->classes + at, from->classes + row, count * sizeof *to->classes);
    memcpy(to->features + at, from->features + row, count * sizeof *to->features);
    memcpy(to->visible + at, from->visible + row, count * sizeof *to->visible);
}

static void pad_rows(struct vdt_box_rows *rows, size_t at, size_t count)
{
    memset(rows->boxes + at, 0, count * sizeof *rows->boxes);
    memset(rows->features + at, 0, count * sizeof *rows->features);
    memset(rows->visible + at, 0, count * sizeof *rows->visible);
    for (size_t i = 0; i < count; i++)
        rows->classes[at + i] = PAD_CLASS;
}

/* Samples [at, at + part->filled) are the part's. */
static void place_padded(struct vdt_batch *batch, const struct vdt_part *part, size_t at)
{
    size_t pad = batch->spec.box_pad, row = 0;
    for (size_t i = at; i < at + part->filled; i++) {
        size_t count = batch->box_counts[i];
        copy_rows(&batch->boxes, i * pad, &part->boxes, row, count);
        pad_rows(&batch->boxes, i * pad + count, pad - count);
        row += count;
    }
    batch->boxes.count = (at + part->filled) * pad;
}

static vdt_status place_boxes(struct vdt_batch *batch, const struct vdt_part *part, size_t at,
                              struct vdt_error *error)
{
    struct vdt_box_rows *rows = &batch->boxes;
    if (batch->spec.box_pad > 0) {
        place_padded(batch, part, at);
        return VDT_OK;
    }
    if (!vdt_box_rows_reserve(rows, rows->count + part->boxes.count))
        return vdt_fail_memory(error, "the boxes of a batch");
    copy_rows(rows, rows->count, &part->boxes, 0, part->boxes.count);
    for (size_t i = at; i < at + part->filled; i++) {
        batch->box_offsets[i] = rows->count;
        rows->count += batch->box_counts[i];
    }
    return VDT_OK;
}

static vdt_status complete(struct vdt_batch *batch, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    batch->size = batch->skipped = batch->boxes.count = 0;
    for (size_t p = 0; status == VDT_OK && p < batch->part_count; p++) {
        const struct vdt_part *part = &batch->parts[p];
        if (part->first != batch->size)
            move_part(batch, batch->size, part);
        if (batch->spec.boxes)
            status = place_boxes(batch, part, batch->size, error);
        batch->size += part->filled;
        batch->skipped += part->size - part->filled;
    }
    if (batch->box_offsets != NULL)
        batch->box_offsets[batch->size] = batch->boxes.count;
    return status == VDT_OK ? vdt_batch_upload(batch, error) : status;
}

void vdt_part_range(size_t size, size_t part, size_t parts, size_t *first, size_t *count)
{
    size_t each = size / parts, more = size % parts;
    *first = part * each + (part < more ? part : more);
    *count = each + (part < more);
}

/* Bits of the arrays that samples are made of. */
static uint32_t arrays_read(const struct vdt_fill *fill, const struct vdt_batch *batch)
{
    uint32_t arrays = UINT32_C(1) << VDT_IMAGES;
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        arrays |= (uint32_t)(batch->pixels[a] != NULL) << a;
    arrays |= (uint32_t)(batch->onehot != NULL) << VDT_ONEHOT;
    for (enum vdt_array a = VDT_BOXES; a <= VDT_BOX_VISIBLE; a++)
        arrays |= (uint32_t)batch->spec.boxes << a;
    return arrays | (uint32_t)fill->verify << VDT_SAMPLES;
}

/* What partial stores lack of a part comes at once, before its samples are read one by one. A
 * server that does not answer ends the batch, also where damaged samples are left out: they are not
 * damaged. */
static vdt_status fetch_missing(const struct vdt_fill *fill, struct vdt_scratch *scratch,
                                const struct vdt_batch *batch, const uint64_t *samples,
                                size_t count, struct vdt_error *error)
{
    const struct vdt_sources *sources = fill->recipe->sources;
    vdt_status status = VDT_OK;
    for (size_t s = 0; status == VDT_OK && s < sources->count; s++) {
        const struct vdt_source *source = &sources->items[s];
        if (source->reader == NULL || !vdt_reader_is_partial(source->reader))
            continue;
        if (!vdt_buffer_reserve(&scratch->indices, count * sizeof(uint64_t)))
            return vdt_fail_memory(error, vdt_source_path(source));
        uint64_t *indices = (uint64_t *)(void *)scratch->indices.data, index = 0;
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            if (vdt_sources_find(sources, samples[i], &index) == s)
                indices[found++] = index;
        status = vdt_reader_need(source->reader, source->group, arrays_read(fill, batch), indices,
                                 found, fill->stop, error);
    }
    return status;
}

vdt_status vdt_fill_part(const struct vdt_fill *fill, struct vdt_scratch *scratch,
                         struct vdt_batch *batch, size_t size, size_t part_number,
                         const uint64_t *samples, const uint64_t *positions,
                         struct vdt_error *error)
{
    struct vdt_part *part = &batch->parts[part_number];
    vdt_part_range(size, part_number, batch->part_count, &part->first, &part->size);
    part->filled = part->boxes.count = part->damage.size = 0;
    vdt_status status = fetch_missing(fill, scratch, batch, samples, part->size, error);
    for (size_t i = 0; status == VDT_OK && i < part->size; i++) {
        struct sample sample = {.fill = fill,
                                .scratch = scratch,
                                .batch = batch,
                                .rows = &part->boxes,
                                .at = part->first + part->filled};
        uint32_t input = vdt_sources_find(fill->recipe->sources, samples[i], &sample.index);
        sample.source = &fill->recipe->sources->items[input];
        scratch->decoder.map = sample.source->map.data == NULL ? NULL : &sample.source->map;
        struct vdt_error reason;
        if (fill_sample(&sample, positions[i], &reason) != VDT_OK) {
            status = note_damage(fill->recipe, part, &reason, error);
            continue;
        }
        batch->indices[sample.at] = sample.index;
        batch->inputs[sample.at] = input;
        if (batch->box_counts != NULL)
            batch->box_counts[sample.at] = (uint32_t)sample.row_count;
        part->boxes.count += sample.row_count;
        part->filled++;
    }
    if (status == VDT_OK && atomic_fetch_sub(&batch->parts_left, 1) == 1)
        status = complete(batch, error);
    return status;
}
