/* What is in columns that came from a file, believed only when every row could have been added. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "annotate/records/check.h"
#include "annotate/records/records.h"
#include "base/error.h"

static vdt_status damaged(const char *path, const char *name, uint64_t row, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: annotations/%s[%llu] cannot be: the file is damaged", path, name,
                    (unsigned long long)row);
}

static bool is_outline(uint8_t kind)
{
    return kind == VDT_ANNOTATION_POLYGON || kind == VDT_ANNOTATION_LINE ||
           kind == VDT_ANNOTATION_POINT;
}

static vdt_status check_kinds(const struct vdt_record_columns *r, uint64_t samples,
                              const char *path, struct vdt_error *error)
{
    for (uint64_t i = 0; i < r->count; i++) {
        uint8_t kind = r->kind[i];
        if (r->sample[i] >= samples)
            return damaged(path, "sample", i, error);
        if (kind < VDT_ANNOTATION_LABEL || kind > VDT_ANNOTATION_POINT ||
            (kind == VDT_ANNOTATION_ROTATED && r->rotated == NULL) ||
            (is_outline(kind) && r->shape_offsets == NULL) ||
            (kind == VDT_ANNOTATION_MASK && r->count_offsets == NULL))
            return damaged(path, "kind", i, error);
        if (r->flags != NULL && (r->flags[i] & ~(VDT_ANNOTATION_FLAGS | VDT_RECORD_BOX_GIVEN)) != 0)
            return damaged(path, "flags", i, error);
        if (i > 0 && r->number != NULL && r->number[i] <= r->number[i - 1])
            return damaged(path, "number", i, error);
    }
    return VDT_OK;
}

/* Numbers in one column, without a branch for each: rows are many and wrong ones rare. Returns how
 * many are good from the first on. */
static uint64_t count_places(const double *numbers, uint64_t count, double farthest)
{
    uint64_t good = 0, block = 256;
    for (; good < count; good += block) {
        int wrong = 0;
        block = count - good < block ? count - good : block;
        for (uint64_t i = good; i < good + block; i++)
            wrong |= !(fabs(numbers[i]) <= farthest);
        if (wrong != 0)
            break;
    }
    while (good < count && fabs(numbers[good]) <= farthest)
        good++;
    return good;
}

static vdt_status check_numbers(const struct vdt_record_columns *r, const char *path,
                                struct vdt_error *error)
{
    const struct {
        const char *name;
        const double *numbers;
        uint64_t rows;
        uint32_t width;
        double farthest;
    } columns[] = {
        /* Runs keep boxes as they are given, wherever they lie. */
        {"box", (const double *)r->box, r->count, 4, DBL_MAX},
        {"rotated", (const double *)r->rotated, r->count, 5, VDT_ANNOTATION_FARTHEST},
        {"points", (const double *)r->points, r->point_count, 2, VDT_ANNOTATION_FARTHEST},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        uint64_t count = columns[i].numbers == NULL ? 0 : columns[i].rows * columns[i].width;
        uint64_t good = count_places(columns[i].numbers, count, columns[i].farthest);
        if (good < count)
            return damaged(path, columns[i].name, good / columns[i].width, error);
    }
    for (uint64_t i = 0; r->area != NULL && i < r->count; i++)
        if (r->area[i] < 0 || isinf(r->area[i]))
            return damaged(path, "area", i, error);
    for (uint64_t i = 0; r->score != NULL && i < r->label_count; i++)
        if (isinf(r->score[i]))
            return damaged(path, "score", i, error);
    return VDT_OK;
}

/* Parts have rings and rings points; lines and points are one ring a part. */
static vdt_status check_outlines(const struct vdt_record_columns *r, const char *path,
                                 struct vdt_error *error)
{
    if (r->shape_offsets == NULL)
        return VDT_OK;
    for (uint64_t i = 0; i < r->part_count; i++)
        if (r->part_offsets[i] == r->part_offsets[i + 1])
            return damaged(path, "part_offsets", i, error);
    for (uint64_t i = 0; i < r->ring_count; i++)
        if (r->ring_offsets[i] == r->ring_offsets[i + 1])
            return damaged(path, "ring_offsets", i, error);
    for (uint64_t i = 0; i < r->count; i++) {
        uint64_t first = r->shape_offsets[i], end = r->shape_offsets[i + 1];
        uint64_t rings = r->part_offsets[end] - r->part_offsets[first];
        bool outline = is_outline(r->kind[i]);
        if (outline == (first == end) ||
            (outline && r->kind[i] != VDT_ANNOTATION_POLYGON && rings != end - first))
            return damaged(path, "shape_offsets", i, error);
    }
    return VDT_OK;
}

/* The runs of each mask fill it; others have none. */
static vdt_status check_masks(const struct vdt_record_columns *r, const char *path,
                              struct vdt_error *error)
{
    for (uint64_t i = 0; r->count_offsets != NULL && i < r->count; i++) {
        uint64_t sum = 0, pixels = (uint64_t)r->size[i][0] * r->size[i][1];
        if (pixels > UINT32_MAX || (pixels > 0) != (r->kind[i] == VDT_ANNOTATION_MASK))
            return damaged(path, "size", i, error);
        for (uint64_t k = r->count_offsets[i]; k < r->count_offsets[i + 1]; k++)
            sum += r->counts[k];
        if (sum != pixels)
            return damaged(path, "counts", i, error);
    }
    return VDT_OK;
}

/* As far as a glance tells; whoever uses one parses it. */
static bool is_object(const char *text, size_t length)
{
    static const char spaces[] = " \t\r\n";
    while (length > 0 && strchr(spaces, text[length - 1]) != NULL)
        length--;
    return length >= 2 && text[strspn(text, spaces)] == '{' && text[length - 1] == '}';
}

static vdt_status check_metadata(const struct vdt_record_columns *r, const char *path,
                                 struct vdt_error *error)
{
    for (uint64_t i = 0; i < r->metadata.count; i++) {
        size_t length = vdt_strings_length(&r->metadata, i);
        if (length > 0 && !is_object(vdt_strings_at(&r->metadata, i), length))
            return damaged(path, "metadata", i, error);
    }
    return VDT_OK;
}

vdt_status vdt_record_columns_check(const struct vdt_record_columns *r, uint64_t samples,
                                    const char *path, struct vdt_error *error)
{
    vdt_status status = check_kinds(r, samples, path, error);
    if (status == VDT_OK)
        status = check_numbers(r, path, error);
    if (status == VDT_OK)
        status = check_outlines(r, path, error);
    if (status == VDT_OK)
        status = check_masks(r, path, error);
    return status == VDT_OK ? check_metadata(r, path, error) : status;
}
