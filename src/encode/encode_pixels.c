/* Masks of all that is there, and what follows from them. All of a tile's arrays are crops of the
 * scene's: nothing here depends on where the window ends but the size of the arrays. */
#include "encode/encode_pixels.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { CLASSES_U8 = 254 };
static const uint32_t all_ones = UINT32_MAX, not_a_number = 0x7fc00000; /* of a float */

void vdt_pixels_clear(struct vdt_encoder *encoder)
{
    free(encoder->mask);
    free(encoder->instances);
    free(encoder->near.ids);
    vdt_around_clear(&encoder->around);
    vdt_buffer_clear(&encoder->kinds);
    vdt_buffer_clear(&encoder->boundary);
    vdt_buffer_clear(&encoder->contact);
    vdt_buffer_clear(&encoder->distance);
    vdt_buffer_clear(&encoder->target);
}

static size_t pixels_of(const struct vdt_window *window)
{
    return (size_t)window->rows * (size_t)window->cols;
}

/* --- burning ------------------------------------------------------------------------------ */

/* An array of a window's shape on its way. */
struct canvas {
    const struct vdt_window *window;
    size_t size; /* bytes a pixel */
    void *pixels;
};

static void set_all(const struct canvas *canvas, uint32_t value)
{
    size_t line = (size_t)canvas->window->cols * canvas->size;
    for (int32_t r = 0; r < canvas->window->rows; r++)
        vdt_fill_run((unsigned char *)canvas->pixels + (size_t)r * line, 0, canvas->window->cols,
                     value, canvas->size);
}

static vdt_status burn_feature(struct vdt_encoder *encoder, const struct vdt_geometry *geometry,
                               uint32_t feature, uint32_t value, const struct canvas *canvas,
                               struct vdt_error *error)
{
    const struct vdt_feature *burnt = &geometry->features[feature];
    encoder->raster.rule = encoder->rules.mask_rule;
    for (size_t p = burnt->first; p < burnt->first + burnt->count; p++) {
        vdt_status status = vdt_burn_part(&encoder->raster, geometry, p, canvas->window, value,
                                          canvas->size, canvas->pixels, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

/* Burns every polygon of a layer with the same value. */
static vdt_status burn_layer(struct vdt_encoder *encoder, const struct vdt_overlay *layer,
                             uint32_t value, const struct canvas *canvas, struct vdt_error *error)
{
    const struct vdt_window *window = canvas->window;
    const double rectangle[4] = {window->col, window->row, (double)window->col + window->cols,
                                 (double)window->row + window->rows};
    if (layer->geometry == NULL || layer->index == NULL)
        return VDT_OK;
    vdt_status status = vdt_index_query(layer->index, rectangle, &encoder->near, error);
    for (size_t i = 0; status == VDT_OK && i < encoder->near.count; i++)
        status = burn_feature(encoder, layer->geometry, encoder->near.ids[i], value, canvas, error);
    return status;
}

/* Sets the pixels outside the scene. */
static void set_outside(const struct vdt_encode_job *job, uint32_t value,
                        const struct canvas *canvas)
{
    const struct vdt_window *window = canvas->window;
    int64_t left = -(int64_t)window->col, right = (int64_t)job->scene_cols - window->col;
    left = left < 0 ? 0 : left > window->cols ? window->cols : left;
    right = right < left ? left : right > window->cols ? window->cols : right;
    unsigned char *line = canvas->pixels;
    for (int32_t r = 0; r < window->rows; r++, line += (size_t)window->cols * canvas->size) {
        int64_t row = (int64_t)window->row + r;
        bool outside = row < 0 || row >= job->scene_rows;
        vdt_fill_run(line, 0, outside ? window->cols : (int32_t)left, value, canvas->size);
        vdt_fill_run(line, outside ? window->cols : (int32_t)right, window->cols, value,
                     canvas->size);
    }
}

static void set_unseen(const struct vdt_encoder *encoder, uint32_t value,
                       const struct canvas *canvas)
{
    size_t count = pixels_of(canvas->window);
    for (size_t i = 0; encoder->seen != NULL && i < count; i++)
        if (!encoder->seen[i])
            vdt_fill_run((unsigned char *)canvas->pixels + i * canvas->size, 0, 1, value,
                         canvas->size);
}

/* Where nothing is to be learnt: outside the scene, where it is not seen, and on what the user
 * named. */
static vdt_status burn_ignore(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                              uint32_t value, const struct canvas *canvas, struct vdt_error *error)
{
    set_outside(job, value, canvas);
    set_unseen(encoder, value, canvas);
    return burn_layer(encoder, &encoder->ignore, value, canvas, error);
}

/* --- features in their order -------------------------------------------------------------- */

static int by_burn_order(const void *a, const void *b)
{
    const struct vdt_burn *p = a, *q = b;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    return p->feature < q->feature ? -1 : p->feature > q->feature;
}

/* As the index finds them, where all have the same key. */
static bool in_burn_order(const struct vdt_burn *order, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (by_burn_order(&order[i - 1], &order[i]) > 0)
            return false;
    return true;
}

/* Masks have room for two bytes a pixel. */
static bool reserve_masks(struct vdt_encoder *encoder, size_t pixels)
{
    size_t old = encoder->mask_pixels, capacity = old;
    if (!vdt_grow(&encoder->mask, &capacity, pixels, sizeof(uint16_t)))
        return false;
    capacity = old;
    if (!vdt_grow(&encoder->instances, &capacity, pixels, sizeof(uint16_t)))
        return false;
    encoder->mask_pixels = capacity;
    return true;
}

/* Ignore is all ones in either size. */
static void copy_base(const struct vdt_encoder *encoder, const struct canvas *canvas)
{
    size_t count = pixels_of(canvas->window);
    uint8_t *narrow = canvas->pixels;
    uint16_t *wide = canvas->pixels;
    for (size_t i = 0; canvas->size == 1 && i < count; i++)
        narrow[i] = (uint8_t)encoder->base[i];
    for (size_t i = 0; canvas->size == 2 && i < count; i++)
        wide[i] = (uint16_t)encoder->base[i];
}

static vdt_status make_mask(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                            struct vdt_labels *labels, struct vdt_error *error)
{
    const struct canvas canvas = {job->window, encoder->rules.class_count > CLASSES_U8 ? 2 : 1,
                                  encoder->mask};
    vdt_status status = VDT_OK;
    set_all(&canvas, 0);
    if (encoder->base != NULL)
        copy_base(encoder, &canvas);
    for (size_t i = 0; status == VDT_OK && i < encoder->hits.count; i++) {
        uint32_t feature = encoder->order[i].feature;
        status = burn_feature(encoder, job->geometry, feature,
                              job->geometry->features[feature].class_id + 1, &canvas, error);
    }
    if (status == VDT_OK)
        status = burn_ignore(encoder, job, all_ones, &canvas, error);
    labels->mask = encoder->mask;
    return status;
}

static vdt_status make_instances(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                                 struct vdt_labels *labels, struct vdt_error *error)
{
    const struct canvas canvas = {job->window, sizeof *encoder->instances, encoder->instances};
    vdt_status status = VDT_OK;
    set_all(&canvas, 0);
    for (size_t i = 0; status == VDT_OK && i < encoder->hits.count; i++) {
        const struct vdt_burn *burn = &encoder->order[i];
        if (burn->box > 0)
            status = burn_feature(encoder, job->geometry, burn->feature, burn->box, &canvas, error);
    }
    set_outside(job, 0, &canvas);
    set_unseen(encoder, 0, &canvas);
    labels->instances = encoder->instances;
    return status;
}

static vdt_status make_target(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                              struct vdt_labels *labels, struct vdt_error *error)
{
    if (!vdt_buffer_reserve(&encoder->target, pixels_of(job->window) * sizeof(float)))
        return vdt_fail_memory(error, "labels of a window");
    const struct canvas canvas = {job->window, sizeof(float), encoder->target.data};
    vdt_status status = VDT_OK;
    if (encoder->base_target != NULL)
        memcpy(canvas.pixels, encoder->base_target, pixels_of(job->window) * sizeof(float));
    else
        set_all(&canvas, not_a_number);
    size_t features = encoder->base_target != NULL ? 0 : encoder->hits.count;
    for (size_t i = 0; status == VDT_OK && i < features; i++) {
        uint32_t feature = encoder->order[i].feature, bits;
        float target = (float)job->geometry->features[feature].target;
        memcpy(&bits, &target, sizeof bits);
        status = burn_feature(encoder, job->geometry, feature, bits, &canvas, error);
    }
    if (status == VDT_OK)
        status = burn_ignore(encoder, job, not_a_number, &canvas, error);
    labels->target = (const float *)(const void *)encoder->target.data;
    return status;
}

/* --- around the footprint ----------------------------------------------------------------- */

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static vdt_status burn_footprint(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                                 struct vdt_footprint *footprint, struct vdt_error *error)
{
    const struct vdt_encode_rules *rules = &encoder->rules;
    int32_t halo = 0;
    if (rules->tasks & VDT_BOUNDARY)
        halo = vdt_boundary_halo(rules->boundary_width);
    if (rules->tasks & VDT_DISTANCE)
        halo = larger(halo, vdt_distance_halo(rules->distance_limit));
    const struct vdt_window *tile = job->window;
    const struct vdt_window window = {tile->col - halo, tile->row - halo, tile->cols + 2 * halo,
                                      tile->rows + 2 * halo};
    if (!vdt_buffer_reserve(&encoder->kinds, pixels_of(&window)))
        return vdt_fail_memory(error, "the footprint of a window");
    const struct canvas canvas = {&window, 1, encoder->kinds.data};
    const struct vdt_overlay features = {job->geometry, job->index};
    set_all(&canvas, VDT_BACKGROUND);
    vdt_status status = burn_layer(encoder, &features, VDT_OBJECT, &canvas, error);
    set_outside(job, VDT_OUTSIDE, &canvas);
    *footprint = (struct vdt_footprint){window.rows, window.cols, halo, encoder->kinds.data};
    return status;
}

static vdt_status make_boundary(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                                const struct vdt_footprint *footprint, struct vdt_labels *labels,
                                struct vdt_error *error)
{
    if (!vdt_buffer_reserve(&encoder->boundary, pixels_of(job->window)))
        return vdt_fail_memory(error, "labels of a window");
    const struct canvas canvas = {job->window, 1, encoder->boundary.data};
    vdt_status status =
        vdt_make_boundary(&encoder->around, footprint, encoder->rules.boundary,
                          encoder->rules.boundary_width, encoder->boundary.data, error);
    if (status == VDT_OK)
        status = burn_ignore(encoder, job, all_ones, &canvas, error);
    labels->boundary = encoder->boundary.data;
    return status;
}

static vdt_status make_distance(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                                const struct vdt_footprint *footprint, struct vdt_labels *labels,
                                struct vdt_error *error)
{
    if (!vdt_buffer_reserve(&encoder->distance, pixels_of(job->window) * sizeof(float)))
        return vdt_fail_memory(error, "labels of a window");
    const struct canvas canvas = {job->window, sizeof(float), encoder->distance.data};
    float *distance = (float *)(void *)encoder->distance.data;
    vdt_status status = vdt_make_distance(&encoder->around, footprint,
                                          encoder->rules.distance_limit, distance, error);
    if (status == VDT_OK)
        status = burn_ignore(encoder, job, not_a_number, &canvas, error);
    labels->distance = distance;
    return status;
}

static vdt_status make_contact(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                               const struct vdt_footprint *footprint, struct vdt_labels *labels,
                               struct vdt_error *error)
{
    if (!vdt_buffer_reserve(&encoder->contact, pixels_of(job->window)))
        return vdt_fail_memory(error, "labels of a window");
    const struct canvas canvas = {job->window, 1, encoder->contact.data};
    set_all(&canvas, 0);
    vdt_status status = burn_layer(encoder, &encoder->contacts, 1, &canvas, error);
    uint8_t *contact = encoder->contact.data;
    for (int32_t r = 0; r < job->window->rows; r++, contact += job->window->cols) {
        const uint8_t *kinds = footprint->kinds +
                               (size_t)(r + footprint->halo) * (size_t)footprint->cols +
                               footprint->halo;
        for (int32_t c = 0; c < job->window->cols; c++)
            contact[c] = contact[c] && kinds[c] != VDT_OBJECT;
    }
    if (status == VDT_OK)
        status = burn_ignore(encoder, job, all_ones, &canvas, error);
    labels->contact = encoder->contact.data;
    return status;
}

vdt_status vdt_encode_pixels(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                             struct vdt_labels *labels, struct vdt_error *error)
{
    uint32_t tasks = encoder->rules.tasks;
    struct vdt_footprint footprint;
    vdt_status status = VDT_OK;
    if ((tasks & (VDT_SEGMENTATION | VDT_INSTANCE)) != 0 &&
        !reserve_masks(encoder, pixels_of(job->window)))
        return vdt_fail_memory(error, "labels of a window");
    if (!in_burn_order(encoder->order, encoder->hits.count))
        qsort(encoder->order, encoder->hits.count, sizeof *encoder->order, by_burn_order);
    if (tasks & VDT_SEGMENTATION)
        status = make_mask(encoder, job, labels, error);
    if (status == VDT_OK && (tasks & VDT_INSTANCE))
        status = make_instances(encoder, job, labels, error);
    if (status == VDT_OK && (tasks & VDT_REGRESSION))
        status = make_target(encoder, job, labels, error);
    if (status != VDT_OK || (tasks & (VDT_BOUNDARY | VDT_DISTANCE | VDT_CONTACT)) == 0)
        return status;
    status = burn_footprint(encoder, job, &footprint, error);
    if (status == VDT_OK && (tasks & VDT_BOUNDARY))
        status = make_boundary(encoder, job, &footprint, labels, error);
    if (status == VDT_OK && (tasks & VDT_DISTANCE))
        status = make_distance(encoder, job, &footprint, labels, error);
    if (status == VDT_OK && (tasks & VDT_CONTACT))
        status = make_contact(encoder, job, &footprint, labels, error);
    return status;
}
