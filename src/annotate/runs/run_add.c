/* Predictions of samples into the log. */
#include <math.h>
#include <string.h>

#include "annotate/runs/run_write.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "store/codec.h"

static void add_counts(struct vdt_run_counts *counts, enum vdt_run_meeting meeting, uint64_t count)
{
    if (counts == NULL)
        return;
    *(meeting == VDT_RUN_NEW        ? &counts->added
      : meeting == VDT_RUN_REPLACES ? &counts->updated
                                    : &counts->ignored) += count;
}

static void no_counts(struct vdt_run_counts *counts)
{
    if (counts != NULL)
        *counts = (struct vdt_run_counts){0};
}

/* --- boxes in columns ----------------------------------------------------------------------------
 */

static vdt_status box_check(const struct vdt_run *run, const struct vdt_run_boxes *boxes,
                            uint64_t i, struct vdt_error *error)
{
    const double *box = boxes->box[i];
    if (boxes->sample[i] >= run->references.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "box %llu: there is no sample %lu",
                        (unsigned long long)i, (unsigned long)boxes->sample[i]);
    const char *what = NULL;
    if (boxes->class_id[i] >= run->classes.count)
        what = "its class is not among the run's classes";
    else if (!isfinite(boxes->score[i]))
        what = "its score is not a finite number";
    else if (!isfinite(box[0]) || !isfinite(box[1]) || !isfinite(box[2]) || !isfinite(box[3]))
        what = "x, y, width and height have to be finite numbers";
    else if (box[2] < 0 || box[3] < 0)
        what = "its width or height is below 0";
    if (what == NULL)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "box %llu of sample %s: %s", (unsigned long long)i,
                    vdt_texts_get(&run->references, boxes->sample[i]), what);
}

/* Numbers of the boxes by sample, in their order: [count], and [samples + 1] where each begins. */
struct box_order {
    uint64_t *begin;
    uint64_t *order;
};

static void clear_order(struct box_order *order)
{
    free(order->begin);
    free(order->order);
}

static bool order_boxes(const struct vdt_run *run, const struct vdt_run_boxes *boxes,
                        struct box_order *order)
{
    uint32_t samples = run->references.count;
    order->begin = vdt_allocate_zero((size_t)samples + 2, sizeof *order->begin);
    order->order = vdt_allocate(boxes->count, sizeof *order->order);
    if (order->begin == NULL || order->order == NULL)
        return false;
    uint64_t *next = order->begin + 1; /* begins one place behind, and ends where it should be */
    for (uint64_t i = 0; i < boxes->count; i++)
        next[boxes->sample[i] + 1]++;
    for (uint32_t s = 0; s < samples; s++)
        next[s + 1] += next[s];
    for (uint64_t i = 0; i < boxes->count; i++)
        order->order[next[boxes->sample[i]]++] = i;
    return true;
}

static vdt_status add_boxes_of(struct vdt_run_call *call, uint32_t sample,
                               const struct vdt_run_boxes *boxes, const uint64_t *order,
                               uint64_t count, enum vdt_run_mode mode,
                               struct vdt_run_counts *counts, struct vdt_buffer *scratch,
                               struct vdt_error *error)
{
    if (count > UINT32_MAX || !vdt_buffer_reserve(scratch, count * sizeof(struct vdt_run_box)))
        return vdt_fail_memory(error, call->run->path);
    struct vdt_run_box *packed = (struct vdt_run_box *)scratch->data;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = order[i];
        packed[i] =
            (struct vdt_run_box){.score = boxes->score[at], .class_id = boxes->class_id[at]};
        memcpy(packed[i].box, boxes->box[at], sizeof packed[i].box);
    }
    size_t size = count * sizeof *packed;
    uint64_t digest = vdt_hash(VDT_RUN_BOXES, packed, size);
    enum vdt_run_meeting meeting;
    vdt_status status =
        vdt_run_meet(call->run, sample, VDT_RUN_HAS_SHAPES, digest, mode, &meeting, error);
    if (status != VDT_OK)
        return status;
    if (meeting == VDT_RUN_OTHER)
        return vdt_run_exists(call->run, sample, error);
    add_counts(counts, meeting, count);
    if (meeting == VDT_RUN_AGAIN)
        return VDT_OK;
    const struct vdt_run_block block = {
        .mode = mode, .count = (uint32_t)count, .has = VDT_RUN_HAS_SHAPES, .digest = digest};
    void *place = vdt_run_call_block(call, VDT_RUN_BOXES, sample, &block, size);
    if (place == NULL)
        return vdt_fail_memory(error, call->run->path);
    memcpy(place, packed, size);
    return VDT_OK;
}

vdt_status vdt_run_add_boxes(struct vdt_run *run, const struct vdt_run_boxes *boxes,
                             enum vdt_run_mode mode, struct vdt_run_counts *counts,
                             struct vdt_error *error)
{
    struct vdt_run_call call;
    no_counts(counts);
    vdt_status status = vdt_run_call_begin(&call, run, error);
    for (uint64_t i = 0; i < boxes->count && status == VDT_OK; i++)
        status = box_check(run, boxes, i, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(clear_order) struct box_order order = {0};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer scratch = {0};
    if (!order_boxes(run, boxes, &order))
        return vdt_fail_memory(error, run->path);
    for (uint32_t s = 0; s < run->references.count && status == VDT_OK; s++) {
        uint64_t count = order.begin[s + 1] - order.begin[s];
        if (count > 0)
            status = add_boxes_of(&call, s, boxes, order.order + order.begin[s], count, mode,
                                  counts, &scratch, error);
    }
    status = vdt_run_call_end(&call, status, error);
    if (status != VDT_OK)
        no_counts(counts);
    return status;
}

/* --- one thing of one sample ---------------------------------------------------------------------
 */

/* A record of its own, of content without ids. `part` and then `rest` are its bytes. */
static vdt_status add_one(struct vdt_run *run, enum vdt_run_record type, uint32_t sample,
                          struct vdt_run_block block, const void *part, size_t part_size,
                          const void *rest, size_t rest_size, struct vdt_run_counts *counts,
                          struct vdt_error *error)
{
    struct vdt_run_call call;
    enum vdt_run_meeting meeting;
    uint64_t count = type == VDT_RUN_RASTER ? 1 : block.count;
    vdt_status status = vdt_run_call_begin(&call, run, error);
    if (status == VDT_OK)
        status = vdt_run_meet(run, sample, block.has, block.digest, (enum vdt_run_mode)block.mode,
                              &meeting, error);
    if (status == VDT_OK && meeting == VDT_RUN_OTHER)
        status = vdt_run_exists(run, sample, error);
    if (status != VDT_OK)
        return status;
    if (meeting != VDT_RUN_AGAIN) {
        char *place = vdt_run_call_block(&call, type, sample, &block, part_size + rest_size);
        if (place == NULL)
            return vdt_run_call_end(&call, vdt_fail_memory(error, run->path), error);
        memcpy(place, part, part_size);
        if (rest_size > 0)
            memcpy(place + part_size, rest, rest_size);
        status = vdt_run_call_end(&call, VDT_OK, error);
    }
    if (status == VDT_OK)
        add_counts(counts, meeting, count);
    return status;
}

static vdt_status raster_check(const struct vdt_run *run, uint32_t sample, enum vdt_dtype dtype,
                               const void *pixels, uint32_t rows, uint32_t cols,
                               struct vdt_error *error)
{
    const char *reference = vdt_texts_get(&run->references, sample);
    const struct vdt_run_place *place = &run->places[sample];
    if (dtype != VDT_UINT8 && dtype != VDT_UINT16)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "raster of sample %s: values are %s; uint8 or uint16 are wanted", reference,
                        vdt_dtype_name(dtype));
    if (rows == 0 || cols == 0 || (place->rows != 0 && place->rows != rows) ||
        (place->cols != 0 && place->cols != cols))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "raster of sample %s: %lu rows x %lu columns, and the sample has %lu x %lu",
                        reference, (unsigned long)rows, (unsigned long)cols,
                        (unsigned long)place->rows, (unsigned long)place->cols);
    uint64_t count = (uint64_t)rows * cols;
    uint32_t most = run->classes.count;
    uint32_t ignore = dtype == VDT_UINT8 ? VDT_IGNORE_U8 : VDT_IGNORE_U16;
    uint32_t wrong = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value =
            dtype == VDT_UINT8 ? ((const uint8_t *)pixels)[i] : ((const uint16_t *)pixels)[i];
        if (value > most && value != ignore)
            wrong = value;
    }
    if (wrong != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "raster of sample %s: value %lu is no class; 0 is background, class id + 1 "
                        "up to %lu, and %lu not predicted",
                        reference, (unsigned long)wrong, (unsigned long)most,
                        (unsigned long)ignore);
    return VDT_OK;
}

static void clear_coder(struct vdt_coder *coder)
{
    vdt_coder_clear(coder);
}

vdt_status vdt_run_add_raster(struct vdt_run *run, uint32_t sample, enum vdt_dtype dtype,
                              const void *pixels, uint32_t rows, uint32_t cols,
                              enum vdt_run_mode mode, struct vdt_run_counts *counts,
                              struct vdt_error *error)
{
    no_counts(counts);
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK)
        status = vdt_run_sample_check(run, sample, error);
    if (status == VDT_OK)
        status = raster_check(run, sample, dtype, pixels, rows, cols, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(clear_coder) struct vdt_coder coder = {0};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer stored = {0};
    size_t size = (size_t)rows * cols * vdt_dtype_size(dtype);
    status = vdt_encode_chunk(&coder, VDT_CODEC_LZ4, vdt_dtype_size(dtype), pixels, size, &stored,
                              error);
    if (status != VDT_OK)
        return status;
    if (stored.size > UINT32_MAX / 2)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "raster of sample %s: too large",
                        vdt_texts_get(&run->references, sample));
    struct vdt_run_raster_head head = {dtype, rows, cols, (uint32_t)stored.size};
    struct vdt_run_block block = {
        .mode = mode,
        .has = VDT_RUN_HAS_RASTER,
        .digest = vdt_hash(vdt_mix2(dtype, vdt_mix2(rows, cols)), stored.data, stored.size)};
    return add_one(run, VDT_RUN_RASTER, sample, block, &head, sizeof head, stored.data, stored.size,
                   counts, error);
}

vdt_status vdt_run_add_scores(struct vdt_run *run, uint32_t sample, const double *scores,
                              size_t count, enum vdt_run_mode mode, struct vdt_run_counts *counts,
                              struct vdt_error *error)
{
    no_counts(counts);
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK)
        status = vdt_run_sample_check(run, sample, error);
    if (status != VDT_OK)
        return status;
    const char *reference = vdt_texts_get(&run->references, sample);
    if (count != run->classes.count || count == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "scores of sample %s: there are %zu, and the run has %lu classes",
                        reference, count, (unsigned long)run->classes.count);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(scores[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "scores of sample %s: that of class '%s' is not a finite number",
                            reference, vdt_texts_get(&run->classes, (uint32_t)i));
        sum += scores[i];
    }
    if (run->softmax && fabs(sum - 1) > 1e-5)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "scores of sample %s: they add up to %.6g, and the run wants 1", reference,
                        sum);
    size_t size = count * sizeof *scores;
    struct vdt_run_block block = {.mode = mode,
                                  .count = 1,
                                  .has = VDT_RUN_HAS_LABELS,
                                  .digest = vdt_hash(VDT_RUN_SCORES, scores, size)};
    return add_one(run, VDT_RUN_SCORES, sample, block, scores, size, NULL, 0, counts, error);
}

vdt_status vdt_run_mark(struct vdt_run *run, uint32_t sample, struct vdt_error *error)
{
    struct vdt_run_call call;
    vdt_status status = vdt_run_call_begin(&call, run, error);
    if (status == VDT_OK)
        status = vdt_run_sample_check(run, sample, error);
    if (status != VDT_OK || run->places[sample].predicted)
        return status;
    const struct vdt_run_block block = {0};
    if (vdt_run_call_block(&call, VDT_RUN_MARK, sample, &block, 0) == NULL)
        status = vdt_fail_memory(error, run->path);
    return vdt_run_call_end(&call, status, error);
}

static vdt_status has_id(struct vdt_run *run, uint32_t sample, const char *id,
                         struct vdt_error *error)
{
    struct vdt_run_view view = {0};
    bool found = false;
    vdt_status status = vdt_run_log_map(&run->log, error);
    if (status == VDT_OK)
        status = vdt_run_resolve(run, sample, &view, error);
    for (size_t i = 0; status == VDT_OK && i < view.count && !found; i++) {
        const char *other = vdt_run_live_id(&view.items[i]);
        found = other != NULL && strcmp(other, id) == 0;
    }
    vdt_run_view_clear(&view);
    if (status != VDT_OK || found)
        return status;
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: sample %s has no prediction '%s'", run->path,
                    vdt_texts_get(&run->references, sample), id);
}

vdt_status vdt_run_drop(struct vdt_run *run, uint32_t sample, const char *id,
                        struct vdt_error *error)
{
    struct vdt_run_call call;
    vdt_status status = vdt_run_call_begin(&call, run, error);
    if (status == VDT_OK)
        status = vdt_run_sample_check(run, sample, error);
    if (status == VDT_OK && id != NULL && *id == '\0')
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "an id may not be empty");
    if (status == VDT_OK && id != NULL)
        status = has_id(run, sample, id, error);
    if (status == VDT_OK && id == NULL && !run->places[sample].predicted)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: sample %s is not predicted", run->path,
                          vdt_texts_get(&run->references, sample));
    if (status != VDT_OK)
        return status;
    const char *text = id == NULL ? "" : id;
    const struct vdt_run_block block = {0};
    char *place = vdt_run_call_block(&call, VDT_RUN_DROP, sample, &block, strlen(text) + 1);
    if (place == NULL)
        return vdt_run_call_end(&call, vdt_fail_memory(error, run->path), error);
    strcpy(place, text);
    call.changes[call.count - 1].predicted = id != NULL;
    return vdt_run_call_end(&call, VDT_OK, error);
}

void vdt_run_begin(struct vdt_run *run)
{
    if (!run->committed)
        vdt_run_log_begin(&run->log);
}

vdt_status vdt_run_end(struct vdt_run *run, struct vdt_error *error)
{
    vdt_status status = vdt_run_open_check(run, error);
    return status == VDT_OK ? vdt_run_log_end(&run->log, error) : status;
}
