/* Labels of one window: which features are objects, their boxes, and masks of all that is there. */
#include "encode/encode.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "encode/encode_pixels.h"

enum { BOXES_MAX = 65535 };

static bool has_boxes(const struct vdt_encoder *encoder)
{
    return (encoder->rules.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
}

void vdt_encoder_clear(struct vdt_encoder *encoder)
{
    vdt_raster_clear(&encoder->raster);
    vdt_clip_clear(&encoder->clip);
    free(encoder->hits.ids);
    free(encoder->onehot);
    free(encoder->boxes);
    free(encoder->box_class);
    free(encoder->box_feature);
    free(encoder->box_visible);
    free(encoder->order);
    vdt_pixels_clear(encoder);
    *encoder = (struct vdt_encoder){0};
}

static vdt_status find_hits(struct vdt_encoder *encoder, const struct vdt_index *index,
                            const struct vdt_window *window, struct vdt_error *error)
{
    double rectangle[4] = {window->col, window->row, (double)window->col + window->cols,
                           (double)window->row + window->rows};
    return vdt_index_query(index, rectangle, &encoder->hits, error);
}

/* The part of a window that has image. */
static struct vdt_window imaged(const struct vdt_encode_job *job)
{
    const struct vdt_window *window = job->window;
    struct vdt_window seen = *window;
    seen.col = window->col < 0 ? 0 : window->col;
    seen.row = window->row < 0 ? 0 : window->row;
    int32_t right = window->col + window->cols, bottom = window->row + window->rows;
    seen.cols = (right < job->scene_cols ? right : job->scene_cols) - seen.col;
    seen.rows = (bottom < job->scene_rows ? bottom : job->scene_rows) - seen.row;
    return seen;
}

/* Whether a box has a pixel that is seen. */
static bool is_seen(const uint8_t *seen, const double box[4], const struct vdt_encode_job *job)
{
    int32_t cols = job->window->cols, rows = job->window->rows;
    int32_t left = (int32_t)fmax(floor(box[0]), 0), top = (int32_t)fmax(floor(box[1]), 0);
    int32_t right = (int32_t)fmin(ceil(box[2]), cols), bottom = (int32_t)fmin(ceil(box[3]), rows);
    for (int32_t row = top; row < bottom && left < right; row++)
        if (memchr(seen + (size_t)row * (size_t)cols + left, 1, (size_t)(right - left)) != NULL)
            return true;
    return false;
}

/* Whether a feature is an object of the window. *sliver: it would be, if more of it were visible.
 * What lies in the padding is not visible. */
static vdt_status judge(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                        uint32_t feature, struct vdt_visible *visible, bool *object, bool *sliver,
                        struct vdt_error *error)
{
    const struct vdt_encode_rules *rules = &encoder->rules;
    struct vdt_window seen = imaged(job);
    vdt_status status = vdt_visible(&encoder->clip, job->geometry, feature, &seen, visible, error);
    if (status != VDT_OK)
        return status;
    for (int i = 0; i < 4; i++)
        visible->box[i] += i % 2 == 0 ? seen.col - job->window->col : seen.row - job->window->row;
    if (encoder->seen != NULL && visible->share > 0 && !is_seen(encoder->seen, visible->box, job))
        visible->share = 0;
    bool matches = visible->share > 0 && (rules->match != VDT_MATCH_INSIDE || visible->whole);
    *sliver = matches && visible->share < rules->min_visible;
    *object = matches && !*sliver;
    return VDT_OK;
}

static bool keeps_all(const struct vdt_encoder *encoder)
{
    return encoder->rules.keep_empty || encoder->rules.match == VDT_MATCH_ALL;
}

/* Whether what lies below the features labels a pixel that is seen; its classes go to `onehot`
 * unless that is NULL. */
static bool see_base(const struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                     uint8_t *onehot)
{
    const struct vdt_window part = imaged(job);
    const uint32_t most = (uint32_t)encoder->rules.class_count;
    bool found = false;
    if (encoder->base == NULL && encoder->base_target == NULL)
        return false;
    for (int32_t row = part.row - job->window->row; row < part.row - job->window->row + part.rows;
         row++)
        for (int32_t c = 0; c < part.cols; c++) {
            size_t at =
                (size_t)row * (size_t)job->window->cols + (size_t)(part.col - job->window->col + c);
            uint32_t code = encoder->base == NULL ? 0 : encoder->base[at];
            bool labels =
                encoder->base != NULL ? code > 0 && code <= most : !isnan(encoder->base_target[at]);
            if (!labels || (encoder->seen != NULL && !encoder->seen[at]))
                continue;
            found = true;
            if (onehot != NULL && code > 0)
                onehot[code - 1] = 1;
        }
    return found && encoder->rules.match != VDT_MATCH_INSIDE;
}

static bool has_base(const struct vdt_encoder *encoder)
{
    return encoder->base != NULL || encoder->base_target != NULL;
}

vdt_status vdt_encode_keep(struct vdt_encoder *encoder, const struct vdt_geometry *geometry,
                           const struct vdt_index *index, const struct vdt_window *window,
                           int32_t scene_cols, int32_t scene_rows, bool *keep,
                           struct vdt_error *error)
{
    const struct vdt_encode_job job = {geometry, index, window, scene_cols, scene_rows};
    bool labelled = geometry != NULL && index != NULL;
    bool found =
        keeps_all(encoder) || (!labelled && !has_base(encoder)) || see_base(encoder, &job, NULL);
    encoder->hits.count = 0;
    if (!found && labelled) {
        vdt_status status = find_hits(encoder, index, window, error);
        if (status != VDT_OK)
            return status;
    }
    for (size_t i = 0; !found && i < encoder->hits.count; i++) {
        struct vdt_visible visible;
        bool sliver;
        vdt_status status =
            judge(encoder, &job, encoder->hits.ids[i], &visible, &found, &sliver, error);
        if (status != VDT_OK)
            return status;
    }
    *keep = found;
    return VDT_OK;
}

/* Growing several arrays that share a capacity: each from the old one, which changes at the end. */
static bool reserve_boxes(struct vdt_encoder *encoder, size_t count)
{
    size_t old = encoder->box_capacity, capacity = old;
    if (count <= old)
        return true;
    bool grown = vdt_grow(&encoder->boxes, &capacity, count, sizeof *encoder->boxes);
    grown = grown && (capacity = old,
                      vdt_grow(&encoder->box_class, &capacity, count, sizeof *encoder->box_class));
    grown = grown && (capacity = old, vdt_grow(&encoder->box_feature, &capacity, count,
                                               sizeof *encoder->box_feature));
    grown = grown && (capacity = old, vdt_grow(&encoder->box_visible, &capacity, count,
                                               sizeof *encoder->box_visible));
    if (grown)
        encoder->box_capacity = capacity;
    return grown;
}

/* One axis of a box in single precision, clamped to the window and at least one step wide. */
static void set_side(float *min, float *max, double low, double high, int32_t size)
{
    float end = (float)size;
    *min = fminf(fmaxf((float)low, 0), end);
    *max = fminf(fmaxf((float)high, 0), end);
    if (*min < *max)
        return;
    if (*min < end)
        *max = nextafterf(*min, end);
    else
        *min = nextafterf(end, 0);
}

static vdt_status add_box(struct vdt_encoder *encoder, const struct vdt_feature *feature,
                          const struct vdt_visible *visible, const struct vdt_window *window,
                          size_t *count, struct vdt_error *error)
{
    if (*count == BOXES_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "window at column %d, row %d: more than %d boxes; use smaller tiles",
                        (int)window->col, (int)window->row, (int)BOXES_MAX);
    if (!reserve_boxes(encoder, *count + 1))
        return vdt_fail_memory(error, "boxes of a window");
    float *box = encoder->boxes[*count];
    set_side(&box[0], &box[2], visible->box[0], visible->box[2], window->cols);
    set_side(&box[1], &box[3], visible->box[1], visible->box[3], window->rows);
    encoder->box_class[*count] = (uint16_t)feature->class_id;
    encoder->box_feature[*count] = feature->id;
    encoder->box_visible[*count] = (float)visible->share;
    (*count)++;
    return VDT_OK;
}

static double burn_key(const struct vdt_encoder *encoder, const struct vdt_feature *feature)
{
    if (encoder->rules.mask_order == VDT_ORDER_CLASS)
        return feature->class_id;
    if (encoder->rules.mask_order == VDT_ORDER_FIELD)
        return feature->order;
    if (encoder->rules.mask_order == VDT_ORDER_AREA && feature->area > 0)
        return -feature->area;
    return 0;
}

/* Goes through the hits: objects to one-hot and boxes, all to the burn order. */
static vdt_status collect_objects(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                                  size_t *box_count, struct vdt_encoded *encoded,
                                  struct vdt_error *error)
{
    size_t hits = encoder->hits.count;
    if (!vdt_grow(&encoder->order, &encoder->order_capacity, hits, sizeof *encoder->order))
        return vdt_fail_memory(error, "features of a window");
    for (size_t i = 0; i < hits; i++) {
        uint32_t id = encoder->hits.ids[i];
        const struct vdt_feature *feature = &job->geometry->features[id];
        assert(feature->class_id < encoder->rules.class_count);
        struct vdt_burn *burn = &encoder->order[i];
        *burn = (struct vdt_burn){.key = burn_key(encoder, feature), .feature = id};
        struct vdt_visible visible;
        bool object, sliver;
        vdt_status status = judge(encoder, job, id, &visible, &object, &sliver, error);
        if (status != VDT_OK)
            return status;
        encoded->slivers += sliver && has_boxes(encoder);
        if (!object)
            continue;
        encoded->keep = true;
        encoder->onehot[feature->class_id] = 1;
        if (!has_boxes(encoder))
            continue;
        status = add_box(encoder, feature, &visible, job->window, box_count, error);
        if (status != VDT_OK)
            return status;
        burn->box = (uint32_t)*box_count;
    }
    return VDT_OK;
}

vdt_status vdt_encode(struct vdt_encoder *encoder, const struct vdt_geometry *geometry,
                      const struct vdt_index *index, const struct vdt_window *window,
                      int32_t scene_cols, int32_t scene_rows, struct vdt_encoded *encoded,
                      struct vdt_error *error)
{
    const struct vdt_encode_job job = {geometry, index, window, scene_cols, scene_rows};
    bool labelled = geometry != NULL && index != NULL;
    struct vdt_encoded made = {.keep = (!labelled && !has_base(encoder)) || keeps_all(encoder)};
    size_t box_count = 0;
    if (encoder->onehot == NULL)
        encoder->onehot = vdt_allocate(encoder->rules.class_count, 1);
    if (encoder->onehot == NULL || !reserve_boxes(encoder, 1))
        return vdt_fail_memory(error, "labels of a window");
    memset(encoder->onehot, 0, encoder->rules.class_count);
    encoder->hits.count = 0;
    if (see_base(encoder, &job, encoder->onehot))
        made.keep = true;
    if (labelled) {
        vdt_status status = find_hits(encoder, index, window, error);
        if (status == VDT_OK)
            status = collect_objects(encoder, &job, &box_count, &made, error);
        if (status != VDT_OK)
            return status;
    }
    if (made.keep) {
        vdt_status status = vdt_encode_pixels(encoder, &job, &made.labels, error);
        if (status != VDT_OK)
            return status;
        if ((encoder->rules.tasks & VDT_CLASSIFICATION) != 0)
            made.labels.onehot = encoder->onehot;
        if (has_boxes(encoder)) {
            made.labels.box_count = box_count;
            made.labels.boxes = (const float(*)[4])encoder->boxes;
            made.labels.box_class = encoder->box_class;
            made.labels.box_feature = encoder->box_feature;
            made.labels.box_visible = encoder->box_visible;
        }
    }
    *encoded = made;
    return VDT_OK;
}
