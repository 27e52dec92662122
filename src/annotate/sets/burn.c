/* Annotations of a sample as a class raster, by the rule that masks of stores are made by. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/sets/row.h"
#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "encode/raster.h"

/* What is burnt, and in which order. */
struct burnt {
    uint64_t row;
    double score;
    uint16_t value;
};

/* One call of vdt_annotations_burn. */
struct burning {
    const struct vdt_annotations *set;
    const struct vdt_annotations_burn_options *options;
    uint32_t sample, rows, cols;
    uint16_t *pixels;
    struct vdt_raster raster;
    struct burnt *list;
    size_t count;
    struct vdt_ring *rings;
    size_t ring_capacity;
    struct vdt_row_room room;
};

static void clear_burning(struct burning *burning)
{
    vdt_raster_clear(&burning->raster);
    free(burning->list);
    free(burning->rings);
    vdt_row_room_clear(&burning->room);
}

/* --- what is burnt ------------------------------------------------------------------------- */

static bool has_area(enum vdt_annotation_kind kind)
{
    return kind == VDT_ANNOTATION_BOX || kind == VDT_ANNOTATION_ROTATED ||
           kind == VDT_ANNOTATION_POLYGON || kind == VDT_ANNOTATION_MASK;
}

/* The value of a label; 0: it is of no class. */
static uint16_t value_of(const struct vdt_annotations_burn_options *options,
                         const struct vdt_label *label)
{
    const char *wanted = options->key && options->key[0] ? options->key : "class";
    const char *key = label->key && label->key[0] ? label->key : "class";
    if (strcmp(key, wanted) != 0)
        return 0;
    for (size_t i = 0; i < options->class_count; i++)
        if (strcmp(options->classes[i], label->value) == 0)
            return options->values ? options->values[i] : (uint16_t)(i + 1);
    return 0;
}

/* Of several labels the most likely, of equal ones the first. */
static struct burnt choose(const struct burning *burning, uint64_t row,
                           const struct vdt_label *labels, size_t count)
{
    struct burnt best = {.row = row, .score = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        double score = isnan(labels[i].score) ? 1 : labels[i].score;
        uint16_t value = value_of(burning->options, &labels[i]);
        if (value && score > best.score) {
            best.value = value;
            best.score = score;
        }
    }
    return best;
}

static vdt_status add_burnt(struct burning *burning, uint64_t row, struct vdt_error *error)
{
    const struct vdt_annotations_burn_options *options = burning->options;
    struct vdt_annotation annotation;
    vdt_status status = vdt_row_get(burning->set, row, &burning->room, &annotation, error);
    if (status || !has_area(annotation.kind))
        return status;
    struct burnt burnt = choose(burning, row, annotation.labels, annotation.label_count);
    if (!options->scores)
        burnt.score = annotation.flags & VDT_ANNOTATION_IGNORE ? 1 : 0;
    if (!options->scores && (annotation.flags & VDT_ANNOTATION_IGNORE))
        burnt.value = VDT_IGNORE_U16;
    if (burnt.value && (!options->scores || burnt.score >= options->lowest))
        burning->list[burning->count++] = burnt;
    return VDT_OK;
}

/* What is on top comes last. */
static int by_order(const void *a, const void *b)
{
    const struct burnt *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? -1 : 1;
    return left->row < right->row ? -1 : left->row > right->row;
}

/* --- shapes -------------------------------------------------------------------------------- */

static vdt_status burn_part(struct burning *burning, const double (*points)[2], size_t ring_count,
                            uint16_t value, struct vdt_error *error)
{
    struct vdt_part part = {0, ring_count};
    struct vdt_geometry geometry = {.points = (double(*)[2])points,
                                    .rings = burning->rings,
                                    .parts = &part,
                                    .ring_count = ring_count,
                                    .part_count = 1};
    const struct vdt_window window = {0, 0, (int32_t)burning->cols, (int32_t)burning->rows};
    return vdt_burn_part(&burning->raster, &geometry, 0, &window, value, sizeof(uint16_t),
                         burning->pixels, error);
}

static vdt_status burn_polygon(struct burning *burning, const struct vdt_annotation *polygon,
                               uint16_t value, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t p = 0; !status && p < polygon->part_count; p++) {
        uint64_t first = polygon->part_offsets[p], end = polygon->part_offsets[p + 1];
        size_t rings = 0;
        if (!vdt_grow(&burning->rings, &burning->ring_capacity, (size_t)(end - first),
                      sizeof *burning->rings))
            return vdt_fail_memory(error, "outlines");
        for (uint64_t r = first; r < end; r++) {
            size_t at = (size_t)polygon->ring_offsets[r];
            size_t count = (size_t)polygon->ring_offsets[r + 1] - at;
            if (count >= 3)
                burning->rings[rings++] = (struct vdt_ring){at, count};
        }
        if (rings)
            status = burn_part(burning, polygon->points, rings, value, error);
    }
    return status;
}

/* A box, or one that is turned. */
static vdt_status burn_rectangle(struct burning *burning, const struct vdt_annotation *box,
                                 uint16_t value, struct vdt_error *error)
{
    static const int sides[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
    double corners[4][2];
    if (!vdt_grow(&burning->rings, &burning->ring_capacity, 1, sizeof *burning->rings))
        return vdt_fail_memory(error, "outlines");
    burning->rings[0] = (struct vdt_ring){0, 4};
    for (size_t i = 0; i < 4; i++) {
        if (box->kind == VDT_ANNOTATION_BOX) {
            corners[i][0] = box->box[0] + (sides[i][0] > 0 ? box->box[2] : 0);
            corners[i][1] = box->box[1] + (sides[i][1] > 0 ? box->box[3] : 0);
            continue;
        }
        double x = sides[i][0] * box->rotated[2] / 2, y = sides[i][1] * box->rotated[3] / 2;
        double c = cos(box->rotated[4]), s = sin(box->rotated[4]);
        corners[i][0] = box->rotated[0] + x * c - y * s;
        corners[i][1] = box->rotated[1] + x * s + y * c;
    }
    return burn_part(burning, (const double(*)[2])corners, 1, value, error);
}

/* Run lengths, column by column. */
static vdt_status burn_mask(struct burning *burning, const struct vdt_annotation *mask,
                            uint16_t value, struct vdt_error *error)
{
    uint64_t at = 0, all = (uint64_t)burning->rows * burning->cols;
    if (mask->rows != burning->rows || mask->cols != burning->cols)
        return vdt_fail(
            error, VDT_ERR_MISMATCH, "%s: a mask of %u x %u pixels is on a sample of %u x %u",
            vdt_set_name(burning->set), mask->cols, mask->rows, burning->cols, burning->rows);
    for (size_t i = 0; i < mask->count_count; i++) {
        uint64_t end = at + mask->counts[i] < all ? at + mask->counts[i] : all;
        for (uint64_t k = at; i % 2 == 1 && k < end; k++)
            burning->pixels[k % burning->rows * burning->cols + k / burning->rows] = value;
        at = end;
    }
    return VDT_OK;
}

static vdt_status burn(struct burning *burning, const struct burnt *burnt, struct vdt_error *error)
{
    struct vdt_annotation shape;
    vdt_status status = vdt_annotations_get(burning->set, burnt->row, &shape, NULL, NULL, error);
    if (status)
        return status;
    if (shape.kind == VDT_ANNOTATION_POLYGON)
        return burn_polygon(burning, &shape, burnt->value, error);
    if (shape.kind == VDT_ANNOTATION_MASK)
        return burn_mask(burning, &shape, burnt->value, error);
    return burn_rectangle(burning, &shape, burnt->value, error);
}

vdt_status vdt_annotations_burn(struct vdt_annotations *set, uint32_t sample,
                                const struct vdt_annotations_burn_options *options, uint32_t rows,
                                uint32_t cols, uint16_t *pixels, struct vdt_error *error)
{
    const uint64_t *listed;
    size_t count;
    vdt_cleanup(clear_burning) struct burning burning = {.set = set,
                                                         .options = options,
                                                         .sample = sample,
                                                         .rows = rows,
                                                         .cols = cols,
                                                         .pixels = pixels};
    if (rows == 0 || cols == 0 || rows > INT32_MAX || cols > INT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a raster of %u x %u pixels cannot be", cols,
                        rows);
    vdt_status status = vdt_annotations_list(set, sample, &listed, &count, error);
    if (status)
        return status;
    burning.raster.rule = options->touched ? VDT_RULE_TOUCHED : VDT_RULE_CENTER;
    burning.list = vdt_allocate(count, sizeof *burning.list);
    if (burning.list == NULL)
        return vdt_fail_memory(error, "outlines");
    memset(pixels, 0, (size_t)rows * cols * sizeof *pixels);
    for (size_t i = 0; !status && i < count; i++)
        status = add_burnt(&burning, listed[i], error);
    if (burning.count > 1)
        qsort(burning.list, burning.count, sizeof *burning.list, by_order);
    for (size_t i = 0; !status && i < burning.count; i++)
        status = burn(&burning, &burning.list[i], error);
    return status;
}
