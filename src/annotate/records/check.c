/* What an annotation must be. */
#include "annotate/records/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "base/cleanup.h"
#include "base/fold.h"
#include "base/json.h"

static bool wrong(char *why, const char *format, ...) VDT_PRINTF(2, 3);

static bool wrong(char *why, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why, VDT_ANNOTATION_WHY, format, values);
    va_end(values);
    return false;
}

static bool is_place(double value)
{
    return isfinite(value) && fabs(value) <= VDT_ANNOTATION_FARTHEST;
}

static bool is_text(const char *text)
{
    return vdt_utf8_valid(text, strlen(text));
}

/* --- labels ---------------------------------------------------------------------------------- */

static const char *key_of(const struct vdt_label *label)
{
    return label->key == NULL || *label->key == '\0' ? "class" : label->key;
}

static bool check_label(const struct vdt_annotation *a, size_t index, bool prediction, char *why)
{
    const struct vdt_label *label = &a->labels[index];
    const char *key = key_of(label);
    if (!is_text(key) || strlen(key) > 255)
        return wrong(why, "a label's key is not UTF-8 of at most 255 bytes");
    if (label->value == NULL || *label->value == '\0')
        return wrong(why, "the label \"%.80s\" has no value", key);
    if (!is_text(label->value) || strlen(label->value) > 4095)
        return wrong(why, "the value of the label \"%.80s\" is not UTF-8 of at most 4095 bytes",
                     key);
    if (isinf(label->score))
        return wrong(why, "the score of %.80s \"%.80s\" is not finite", key, label->value);
    if (!prediction && (label->score < 0 || label->score > 1))
        return wrong(why, "the score %g of %.80s \"%.80s\" is not between 0 and 1", label->score,
                     key, label->value);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(key_of(&a->labels[i]), key) != 0)
            continue;
        if (strcmp(a->labels[i].value, label->value) == 0)
            return wrong(why, "the label %.80s has the value \"%.80s\" twice", key, label->value);
        if (isnan(label->score) || isnan(a->labels[i].score))
            return wrong(why,
                         "the label %.80s has two values, \"%.60s\" and \"%.60s\", without scores: "
                         "give one, or a score for each",
                         key, a->labels[i].value, label->value);
    }
    return true;
}

static bool check_labels(const struct vdt_annotation *a, bool prediction, char *why)
{
    if (a->kind == VDT_ANNOTATION_LABEL && a->label_count == 0)
        return wrong(why, "a label of the whole sample has no value");
    for (size_t i = 0; i < a->label_count; i++)
        if (!check_label(a, i, prediction, why))
            return false;
    return true;
}

/* --- geometry -------------------------------------------------------------------------------- */

static bool check_size(const char *what, const double size[2], char *why)
{
    if (size[0] < 0 || size[1] < 0)
        return wrong(why, "the %s has a negative size (%g x %g): its corners are swapped", what,
                     size[0], size[1]);
    return true;
}

static bool check_numbers(const char *what, const double *numbers, size_t count, char *why)
{
    for (size_t i = 0; i < count; i++)
        if (!is_place(numbers[i]))
            return wrong(why, "the %s has %g for a coordinate", what, numbers[i]);
    return true;
}

static bool check_outline(const struct vdt_annotation *a, char *why)
{
    const char *what = vdt_annotation_kind_name(a->kind);
    size_t least = a->kind == VDT_ANNOTATION_POLYGON ? 3 : a->kind == VDT_ANNOTATION_LINE ? 2 : 1;
    if (a->part_count == 0 || a->part_offsets == NULL || a->ring_offsets == NULL ||
        a->points == NULL)
        return wrong(why, "the %s has no points", what);
    for (size_t part = 0; part < a->part_count; part++) {
        uint64_t first = a->part_offsets[part], end = a->part_offsets[part + 1];
        if (end <= first)
            return wrong(why, "part %zu of the %s has no points", part + 1, what);
        if (a->kind != VDT_ANNOTATION_POLYGON && end - first != 1)
            return wrong(why, "part %zu of the %s has more than one run of points", part + 1, what);
        for (uint64_t ring = first; ring < end; ring++) {
            uint64_t from = a->ring_offsets[ring], to = a->ring_offsets[ring + 1];
            if (to < from || to - from < least)
                return wrong(why, "ring %llu of part %zu of the %s has %llu points: at least %zu",
                             (unsigned long long)(ring - first + 1), part + 1, what,
                             (unsigned long long)(to < from ? 0 : to - from), least);
            if (!check_numbers(what, &a->points[from][0], (size_t)(to - from) * 2, why))
                return false;
        }
    }
    return true;
}

static bool check_mask(const struct vdt_annotation *a, uint32_t rows, uint32_t cols, char *why)
{
    uint64_t sum = 0, pixels = (uint64_t)a->rows * a->cols;
    if (pixels == 0 || pixels > UINT32_MAX)
        return wrong(why, "the mask has %u x %u pixels", a->cols, a->rows);
    if (rows != 0 && cols != 0 && (a->rows != rows || a->cols != cols))
        return wrong(why, "the mask has %u x %u pixels and its sample %u x %u", a->cols, a->rows,
                     cols, rows);
    for (size_t i = 0; i < a->count_count; i++)
        sum += a->counts[i];
    if (a->counts == NULL || sum != pixels)
        return wrong(why, "the mask's runs add up to %llu of %llu pixels", (unsigned long long)sum,
                     (unsigned long long)pixels);
    return true;
}

static bool meets(const double box[4], uint32_t rows, uint32_t cols)
{
    return rows == 0 || cols == 0 ||
           (box[0] < cols && box[1] < rows && box[0] + box[2] >= 0 && box[1] + box[3] >= 0);
}

static bool check_geometry(const struct vdt_annotation *a, uint32_t rows, uint32_t cols,
                           bool prediction, char *why)
{
    bool good = true;
    if (a->kind == VDT_ANNOTATION_BOX)
        good = check_numbers("box", a->box, 4, why) && check_size("box", a->box + 2, why);
    else if (a->kind == VDT_ANNOTATION_ROTATED)
        good = check_numbers("rotated box", a->rotated, 5, why) &&
               check_size("rotated box", a->rotated + 2, why);
    else if (a->kind == VDT_ANNOTATION_MASK)
        good = check_mask(a, rows, cols, why);
    else if (a->kind != VDT_ANNOTATION_LABEL)
        good = check_outline(a, why);
    if (good && a->box_given && a->kind != VDT_ANNOTATION_BOX)
        good =
            check_numbers("given box", a->box, 4, why) && check_size("given box", a->box + 2, why);
    if (!good || prediction || a->kind == VDT_ANNOTATION_LABEL)
        return good;
    double box[4];
    vdt_annotation_bounds(a, box);
    return meets(box, rows, cols) ||
           wrong(why, "the %s (%g, %g .. %g, %g) lies outside of the sample (%u x %u pixels)",
                 vdt_annotation_kind_name(a->kind), box[0], box[1], box[0] + box[2],
                 box[1] + box[3], cols, rows);
}

static bool check_metadata(const char *metadata, char *why)
{
    struct vdt_error error;
    if (metadata == NULL || *metadata == '\0' || strcmp(metadata, "{}") == 0)
        return true;
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    if (vdt_json_parse(metadata, "metadata", &value, &error) != VDT_OK)
        return wrong(why, "the %.200s", error.message);
    return json_is_object(value) || wrong(why, "the metadata is no JSON object");
}

bool vdt_annotation_check(const struct vdt_annotation *a, uint32_t rows, uint32_t cols,
                          bool prediction, char why[VDT_ANNOTATION_WHY])
{
    if (a->kind < VDT_ANNOTATION_LABEL || a->kind > VDT_ANNOTATION_POINT)
        return wrong(why, "%d is no kind of annotation", (int)a->kind);
    if (a->id != NULL &&
        (*a->id == '\0' || !is_text(a->id) || strlen(a->id) > VDT_ANNOTATION_LONGEST_ID))
        return wrong(why, "its id is not UTF-8 of 1 to %d bytes", VDT_ANNOTATION_LONGEST_ID);
    if (a->flags > VDT_ANNOTATION_FLAGS)
        return wrong(why, "it has an unknown flag");
    if (a->area_given && !(a->area >= 0 && isfinite(a->area)))
        return wrong(why, "its area is %g", a->area);
    return check_labels(a, prediction, why) && check_geometry(a, rows, cols, prediction, why) &&
           check_metadata(a->metadata, why);
}

/* --- what follows ---------------------------------------------------------------------------- */

static struct vdt_shapes one_mask(const struct vdt_annotation *a, uint64_t offsets[2],
                                  uint32_t size[1][2])
{
    offsets[0] = 0;
    offsets[1] = a->count_count;
    size[0][0] = a->rows;
    size[0][1] = a->cols;
    return (struct vdt_shapes){.kind = VDT_SHAPE_RLE,
                               .count = 1,
                               .counts = a->counts,
                               .count_offsets = offsets,
                               .size = (const uint32_t(*)[2])size};
}

static void around(const double (*points)[2], size_t count, double box[4])
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], points[i][k]);
            high[k] = fmax(high[k], points[i][k]);
        }
    for (int k = 0; k < 2; k++) {
        box[k] = count == 0 ? 0 : low[k];
        box[2 + k] = count == 0 ? 0 : high[k] - low[k];
    }
}

void vdt_annotation_bounds(const struct vdt_annotation *a, double box[4])
{
    double corners[4][2], found[1][4];
    uint64_t offsets[2];
    uint32_t size[1][2];
    if (a->kind == VDT_ANNOTATION_BOX) {
        memmove(box, a->box, 4 * sizeof *box); /* which may be the same */
        return;
    }
    memset(box, 0, 4 * sizeof *box);
    if (a->kind == VDT_ANNOTATION_ROTATED) {
        vdt_rotated_corners(a->rotated, corners);
        around((const double(*)[2])corners, 4, box);
    } else if (a->kind == VDT_ANNOTATION_MASK) {
        struct vdt_shapes shapes = one_mask(a, offsets, size);
        vdt_shapes_box(&shapes, found);
        memcpy(box, found[0], sizeof found[0]);
    } else if (a->kind != VDT_ANNOTATION_LABEL && a->part_count > 0) {
        uint64_t from = a->ring_offsets[a->part_offsets[0]];
        uint64_t to = a->ring_offsets[a->part_offsets[a->part_count]];
        around(a->points + from, (size_t)(to - from), box);
    }
}

static double ring_area(const double (*points)[2], uint64_t count)
{
    double twice = 0;
    for (uint64_t i = 0; i < count; i++) {
        const double *p = points[i], *q = points[i + 1 == count ? 0 : i + 1];
        twice += (p[0] - points[0][0]) * (q[1] - points[0][1]) -
                 (q[0] - points[0][0]) * (p[1] - points[0][1]);
    }
    return fabs(twice) / 2;
}

static double polygon_area(const struct vdt_annotation *a)
{
    double area = 0;
    for (size_t part = 0; part < a->part_count; part++)
        for (uint64_t ring = a->part_offsets[part]; ring < a->part_offsets[part + 1]; ring++) {
            uint64_t from = a->ring_offsets[ring];
            double ring_size = ring_area(a->points + from, a->ring_offsets[ring + 1] - from);
            area += ring == a->part_offsets[part] ? ring_size : -ring_size;
        }
    return fmax(area, 0);
}

double vdt_annotation_area(const struct vdt_annotation *a)
{
    uint64_t ones = 0;
    switch (a->kind) {
    case VDT_ANNOTATION_BOX: return a->box[2] * a->box[3];
    case VDT_ANNOTATION_ROTATED: return a->rotated[2] * a->rotated[3];
    case VDT_ANNOTATION_POLYGON: return polygon_area(a);
    case VDT_ANNOTATION_MASK:
        for (size_t i = 1; i < a->count_count; i += 2)
            ones += a->counts[i];
        return (double)ones;
    default: return NAN;
    }
}
