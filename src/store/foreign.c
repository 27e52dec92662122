/* Samples of other HDF5 files: from the table of chunks to the caller's memory. */
#include "store/foreign.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/foreign_state.h"

/* Samples that share chunks are kept together up to this size; beyond, a thread would hold too
 * much memory and decodes again instead. */
enum { KEPT_MOST = 64 << 20 };

/* One request for samples, and whom to name when it fails. */
struct request {
    const struct vdt_hdf5 *file;
    const struct vdt_foreign *array;
    struct vdt_hdf5_cursor *cursor;
    uint64_t wanted;
};

/* What a chunk and the samples asked for have in common: pieces of `run` bytes, one after the
 * other along the axes that do not lie whole in both. */
struct part {
    size_t from, to; /* of the first piece: in the chunk, in the samples */
    size_t run;
    int axes;
    uint64_t count[VDT_FOREIGN_RANK];
    size_t from_step[VDT_FOREIGN_RANK], to_step[VDT_FOREIGN_RANK];
};

/* --- parts -------------------------------------------------------------------------------- */

/* Of the chunk at `at` in its grid and the samples first .. first+count-1, all in its row. */
static struct part common(const struct vdt_foreign *array, const uint64_t *at, uint64_t first,
                          uint64_t count)
{
    struct part part = {.run = array->element};
    size_t from_step = array->element, to_step = array->element;
    for (int k = array->rank - 1; k >= 0; k--) {
        uint64_t start = at[k] * array->chunk[k];
        uint64_t left = array->dims[k] - start;
        uint64_t extent = k == 0 ? count : left < array->chunk[k] ? left : array->chunk[k];
        part.from += k == 0 ? (size_t)(first - start) * from_step : 0;
        part.to += k == 0 ? 0 : (size_t)start * to_step;
        if (part.run == from_step && part.run == to_step) {
            part.run *= (size_t)extent;
        } else if (extent > 1) {
            part.count[part.axes] = extent;
            part.from_step[part.axes] = from_step;
            part.to_step[part.axes++] = to_step;
        }
        from_step *= (size_t)array->chunk[k];
        to_step *= (size_t)array->dims[k];
    }
    return part;
}

/* The next piece; false after the last. `done` is all 0 at the start. */
static bool advance(const struct part *part, uint64_t *done, size_t *from, size_t *to)
{
    for (int k = 0; k < part->axes; k++) {
        *from += part->from_step[k];
        *to += part->to_step[k];
        if (++done[k] < part->count[k])
            return true;
        *from -= (size_t)done[k] * part->from_step[k];
        *to -= (size_t)done[k] * part->to_step[k];
        done[k] = 0;
    }
    return false;
}

static void copy_part(const struct part *part, const unsigned char *chunk, unsigned char *samples)
{
    uint64_t done[VDT_FOREIGN_RANK] = {0};
    size_t from = part->from, to = part->to;
    do
        memcpy(samples + to, chunk + from, part->run);
    while (advance(part, done, &from, &to));
}

static void fill_part(const struct part *part, const unsigned char *value, size_t element,
                      unsigned char *samples)
{
    uint64_t done[VDT_FOREIGN_RANK] = {0};
    size_t from = part->from, to = part->to;
    do
        for (size_t i = 0; i < part->run; i += element)
            memcpy(samples + to + i, value, element);
    while (advance(part, done, &from, &to));
}

/* --- chunks ------------------------------------------------------------------------------- */

static vdt_status read_bytes(const struct request *request, void *data, size_t size,
                             uint64_t address, struct vdt_error *error)
{
    if (request->array->values == NULL)
        return vdt_file_read(request->file->file, data, size, address, error);
    memcpy(data, request->array->values + address, size);
    return VDT_OK;
}

/* Values that lie in the file as they are. */
static vdt_status read_plain(const struct request *request, const struct part *part,
                             uint64_t address, uint64_t count, unsigned char *samples,
                             struct vdt_error *error)
{
    const struct vdt_foreign *array = request->array;
    if (part->axes == 0)
        return read_bytes(request, samples + part->to, part->run, address + part->from, error);
    struct vdt_buffer *stored = &request->cursor->decoder.stored;
    size_t size = array->chunk_bytes / (size_t)array->chunk[0] * (size_t)count;
    if (!vdt_buffer_reserve(stored, size))
        return vdt_fail_memory(error, array->what);
    vdt_status status = read_bytes(request, stored->data, size, address + part->from, error);
    struct part read = *part;
    read.from = 0;
    if (status == VDT_OK)
        copy_part(&read, stored->data, samples);
    return status;
}

static vdt_status read_filtered(const struct request *request, const struct part *part,
                                uint64_t address, uint32_t size, uint32_t skipped,
                                unsigned char *samples, struct vdt_error *error)
{
    const struct vdt_foreign *array = request->array;
    struct vdt_hdf5_cursor *cursor = request->cursor;
    struct vdt_buffer *stored = &cursor->decoder.stored;
    bool direct = part->axes == 0 && part->run == array->chunk_bytes;
    if (!vdt_buffer_reserve(stored, size) ||
        (!direct && !vdt_buffer_reserve(&cursor->chunk, array->chunk_bytes)))
        return vdt_fail_memory(error, array->what);
    unsigned char *chunk = direct ? samples + part->to : cursor->chunk.data;
    struct vdt_error reason;
    vdt_status status = read_bytes(request, stored->data, size, address, error);
    if (status != VDT_OK)
        return status;
    status = vdt_pipeline_undo(&array->pipeline, skipped, &cursor->decoder, &cursor->spare,
                               stored->data, size, chunk, array->chunk_bytes, &reason);
    if (status != VDT_OK)
        return vdt_fail(error, status, "%s[%llu] at byte %llu: %s", array->what,
                        (unsigned long long)request->wanted, (unsigned long long)address,
                        reason.message);
    if (!direct)
        copy_part(part, chunk, samples);
    return VDT_OK;
}

static vdt_status read_chunk(const struct request *request, uint64_t index, const struct part *part,
                             uint64_t count, unsigned char *samples, struct vdt_error *error)
{
    const struct vdt_foreign *array = request->array;
    uint64_t place = array->extent.addresses[index];
    if (place == VDT_NOWHERE) {
        fill_part(part, array->fill, array->element, samples);
        return VDT_OK;
    }
    uint64_t address = place & (((uint64_t)1 << VDT_SKIPPED_SHIFT) - 1);
    uint32_t skipped = (uint32_t)(place >> VDT_SKIPPED_SHIFT);
    uint32_t all = (1u << array->pipeline.count) - 1;
    if (skipped == all)
        return read_plain(request, part, address, count, samples, error);
    return read_filtered(request, part, address, array->extent.sizes[index], skipped, samples,
                         error);
}

/* --- samples ------------------------------------------------------------------------------ */

static void swap_bytes(unsigned char *values, size_t size, size_t element)
{
    for (size_t i = 0; i < size; i += element)
        for (size_t k = 0; k < element / 2; k++) {
            unsigned char byte = values[i + k];
            values[i + k] = values[i + element - 1 - k];
            values[i + element - 1 - k] = byte;
        }
}

/* Samples that lie in one row of chunks. */
static vdt_status read_samples(const struct request *request, uint64_t first, uint64_t count,
                               unsigned char *samples, struct vdt_error *error)
{
    const struct vdt_foreign *array = request->array;
    uint64_t at[VDT_FOREIGN_RANK] = {first / array->chunk[0]};
    uint64_t index = at[0] * array->grid_row;
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < array->grid_row; i++) {
        struct part part = common(array, at, first, count);
        status = read_chunk(request, index + i, &part, count, samples, error);
        for (int k = array->rank - 1; k > 0 && ++at[k] == array->grid[k]; k--)
            at[k] = 0;
    }
    if (status == VDT_OK && array->swap)
        swap_bytes(samples, (size_t)count * array->sample_bytes, array->element);
    return status;
}

/* Samples of a decoded row of chunks come from the cursor until another row is needed. */
static vdt_status read_kept(const struct request *request, int which, unsigned char *sample,
                            struct vdt_error *error)
{
    const struct vdt_foreign *array = request->array;
    struct vdt_hdf5_cursor *cursor = request->cursor;
    struct vdt_buffer *samples = &cursor->samples[which];
    uint64_t row = request->wanted / array->chunk[0], first = row * array->chunk[0];
    /* All rows of the chunks, also beyond the last sample: then a chunk may be decoded in place. */
    uint64_t count = array->chunk[0];
    if (cursor->of[which] != request->file || cursor->at[which] != row) {
        cursor->of[which] = NULL;
        if (!vdt_buffer_reserve(samples, (size_t)count * array->sample_bytes))
            return vdt_fail_memory(error, array->what);
        vdt_status status = read_samples(request, first, count, samples->data, error);
        if (status != VDT_OK)
            return status;
        cursor->of[which] = request->file;
        cursor->at[which] = row;
    }
    memcpy(sample, samples->data + (size_t)(request->wanted - first) * array->sample_bytes,
           array->sample_bytes);
    return VDT_OK;
}

static vdt_status read_sample(const struct vdt_hdf5 *file, struct vdt_hdf5_cursor *cursor,
                              int which, uint64_t index, void *sample, bool keep,
                              struct vdt_error *error)
{
    const struct vdt_foreign *array = &file->arrays[which];
    const struct request request = {file, array, cursor, index};
    if (array->rank == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: opened without labels", file->file->path);
    if (index >= array->dims[0])
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: sample %llu of %llu", array->what,
                        (unsigned long long)index, (unsigned long long)array->dims[0]);
    if (keep && array->pipeline.count > 0 && array->chunk[0] > 1 &&
        (array->grid_row == 1 || array->chunk[0] * array->sample_bytes <= KEPT_MOST))
        return read_kept(&request, which, sample, error);
    return read_samples(&request, index, 1, sample, error);
}

vdt_status vdt_hdf5_read_image(const struct vdt_hdf5 *file, struct vdt_hdf5_cursor *cursor,
                               uint64_t index, void *image, struct vdt_error *error)
{
    return read_sample(file, cursor, VDT_FOREIGN_IMAGES, index, image, true, error);
}

vdt_status vdt_hdf5_read_label(const struct vdt_hdf5 *file, struct vdt_hdf5_cursor *cursor,
                               uint64_t index, void *label, struct vdt_error *error)
{
    return read_sample(file, cursor, VDT_FOREIGN_LABELS, index, label, true, error);
}

void vdt_hdf5_cursor_clear(struct vdt_hdf5_cursor *cursor)
{
    vdt_decoder_clear(&cursor->decoder);
    vdt_buffer_clear(&cursor->spare);
    vdt_buffer_clear(&cursor->chunk);
    for (int i = 0; i < VDT_FOREIGN_ARRAYS; i++)
        vdt_buffer_clear(&cursor->samples[i]);
    *cursor = (struct vdt_hdf5_cursor){0};
}

vdt_status vdt_hdf5_image(const struct vdt_hdf5 *file, uint64_t index, void *image,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_hdf5_cursor_clear) struct vdt_hdf5_cursor cursor = {0};
    return read_sample(file, &cursor, VDT_FOREIGN_IMAGES, index, image, false, error);
}

vdt_status vdt_hdf5_label(const struct vdt_hdf5 *file, uint64_t index, void *label,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_hdf5_cursor_clear) struct vdt_hdf5_cursor cursor = {0};
    return read_sample(file, &cursor, VDT_FOREIGN_LABELS, index, label, false, error);
}

struct vdt_hdf5_spec vdt_hdf5_spec(const struct vdt_hdf5 *file)
{
    return file->spec;
}

const char *vdt_hdf5_path(const struct vdt_hdf5 *file)
{
    return file->file->path;
}
