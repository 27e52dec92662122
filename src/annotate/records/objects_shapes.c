/* Shapes of objects in one form. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/records/mask_outline.h"
#include "annotate/records/objects.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static vdt_status no_form(const struct vdt_annotations *set, uint64_t row, const char *form,
                          struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: sample \"%.100s\", annotation \"%.100s\": a %s cannot be %s",
                    vdt_set_name(set),
                    vdt_strings_at(&set->samples.references, records->sample[row]),
                    records->ids.count == 0 ? "" : vdt_strings_at(&records->ids, row),
                    vdt_annotation_kind_name((enum vdt_annotation_kind)records->kind[row]), form);
}

/* Every row is of one kind, and an object: then the set's own columns are what is wanted. */
static bool all_of(const struct vdt_annotations *set, const struct vdt_annotation_columns *columns,
                   enum vdt_annotation_kind kind)
{
    const struct vdt_record_columns *records = &set->records;
    if (columns->objects.count != records->count)
        return false;
    uint8_t other = 0;
    for (uint64_t row = 0; row < records->count; row++)
        other |= records->kind[row] != kind || columns->rows[row] != row;
    return other == 0;
}

/* --- rotated --------------------------------------------------------------------------------- */

static vdt_status make_rotated(const struct vdt_annotations *set,
                               struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    size_t count = (size_t)columns->objects.count;
    columns->shapes.kind = VDT_SHAPE_ROTATED;
    columns->shapes.rotated = (const double(*)[5])records->rotated;
    if (all_of(set, columns, VDT_ANNOTATION_ROTATED))
        return VDT_OK;
    columns->rotated = vdt_allocate(count, sizeof *columns->rotated);
    columns->shapes.rotated = (const double(*)[5])columns->rotated;
    if (columns->rotated == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    for (size_t i = 0; i < count; i++) {
        uint64_t row = columns->rows[i];
        const double *box = records->box[row];
        const double turned[5] = {box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3], 0};
        if (records->kind[row] == VDT_ANNOTATION_ROTATED)
            memcpy(columns->rotated[i], records->rotated[row], sizeof turned);
        else if (records->kind[row] == VDT_ANNOTATION_BOX)
            memcpy(columns->rotated[i], turned, sizeof turned);
        else
            return no_form(set, row, "a rotated box", error);
    }
    return VDT_OK;
}

/* --- polygons -------------------------------------------------------------------------------- */

static bool add_ring(struct vdt_outlines *out, const double (*points)[2], size_t count)
{
    if (!vdt_grow(&out->points, &out->point_capacity, out->point_count + count,
                  sizeof *out->points) ||
        !vdt_grow(&out->rings, &out->ring_capacity, out->ring_count + 2, sizeof *out->rings))
        return false;
    memcpy(out->points + out->point_count, points, count * sizeof *points);
    out->point_count += count;
    out->rings[0] = 0;
    out->rings[++out->ring_count] = out->point_count;
    return true;
}

static bool end_part(struct vdt_outlines *out)
{
    if (!vdt_grow(&out->parts, &out->part_capacity, out->part_count + 2, sizeof *out->parts))
        return false;
    out->parts[0] = 0;
    out->parts[++out->part_count] = out->ring_count;
    return true;
}

bool vdt_outline_add(struct vdt_outlines *out, const struct vdt_annotation *a)
{
    const double *box = a->box;
    double corners[4][2] = {{box[0], box[1]},
                            {box[0] + box[2], box[1]},
                            {box[0] + box[2], box[1] + box[3]},
                            {box[0], box[1] + box[3]}};
    if (a->kind == VDT_ANNOTATION_MASK)
        return vdt_mask_outline(out, a);
    if (a->kind == VDT_ANNOTATION_ROTATED)
        vdt_rotated_corners(a->rotated, corners);
    if (a->kind != VDT_ANNOTATION_POLYGON)
        return add_ring(out, (const double(*)[2])corners, 4) && end_part(out);
    for (size_t part = 0; part < a->part_count; part++) {
        for (uint64_t ring = a->part_offsets[part]; ring < a->part_offsets[part + 1]; ring++) {
            uint64_t from = a->ring_offsets[ring];
            if (!add_ring(out, a->points + from, (size_t)(a->ring_offsets[ring + 1] - from)))
                return false;
        }
        if (!end_part(out))
            return false;
    }
    return true;
}

static vdt_status make_polygons(const struct vdt_annotations *set,
                                struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    struct vdt_outlines *out = &columns->outlines;
    struct vdt_shapes *shapes = &columns->shapes;
    size_t count = (size_t)columns->objects.count;
    shapes->kind = VDT_SHAPE_POLYGON;
    shapes->points = (const double(*)[2])records->points;
    shapes->ring_offsets = records->ring_offsets;
    shapes->part_offsets = records->part_offsets;
    shapes->shape_offsets = records->shape_offsets;
    if (count > 0 && all_of(set, columns, VDT_ANNOTATION_POLYGON))
        return VDT_OK;
    out->shapes = vdt_allocate_zero(count + 1, sizeof *out->shapes);
    bool done = out->shapes != NULL &&
                vdt_grow(&out->parts, &out->part_capacity, 1, sizeof *out->parts) &&
                vdt_grow(&out->rings, &out->ring_capacity, 1, sizeof *out->rings) &&
                vdt_grow(&out->points, &out->point_capacity, 1, sizeof *out->points);
    if (done)
        out->parts[0] = out->rings[0] = 0;
    for (size_t i = 0; done && i < count; i++) {
        struct vdt_annotation a;
        vdt_record_columns_get(records, columns->rows[i], &a);
        done = vdt_outline_add(out, &a);
        out->shapes[i + 1] = out->part_count;
    }
    if (!done)
        return vdt_fail_memory(error, vdt_set_name(set));
    shapes->points = (const double(*)[2])out->points;
    shapes->ring_offsets = out->rings;
    shapes->part_offsets = out->parts;
    shapes->shape_offsets = out->shapes;
    return VDT_OK;
}

/* --- masks ----------------------------------------------------------------------------------- */

static void free_masks(struct vdt_masks **masks)
{
    vdt_masks_free(*masks);
}

static vdt_status draw_rings(struct vdt_masks *masks, const double (**rings)[2],
                             const size_t *counts, size_t outer, size_t holes, uint32_t rows,
                             uint32_t cols, struct vdt_error *error)
{
    if (holes == 0)
        return vdt_masks_add_polygons(masks, rows, cols, (const double(*const *)[2])rings, counts,
                                      outer, error);
    vdt_cleanup(free_masks) struct vdt_masks *scratch = NULL;
    vdt_cleanup(vdt_free_pointer) uint8_t *pixels = vdt_allocate_zero(rows, cols);
    vdt_cleanup(vdt_free_pointer) uint8_t *hole = vdt_allocate_zero(rows, cols);
    if (pixels == NULL || hole == NULL)
        return vdt_fail_memory(error, "masks");
    vdt_status status = vdt_masks_new(&scratch, error);
    if (status == VDT_OK)
        status = vdt_masks_add_polygons(scratch, rows, cols, (const double(*const *)[2])rings,
                                        counts, outer, error);
    if (status == VDT_OK)
        status =
            vdt_masks_add_polygons(scratch, rows, cols, (const double(*const *)[2])(rings + outer),
                                   counts + outer, holes, error);
    if (status != VDT_OK)
        return status;
    vdt_mask_decode(vdt_masks_shapes(scratch), 0, pixels, (ptrdiff_t)cols, 1);
    vdt_mask_decode(vdt_masks_shapes(scratch), 1, hole, (ptrdiff_t)cols, 1);
    for (size_t i = 0; i < (size_t)rows * cols; i++)
        pixels[i] = pixels[i] && !hole[i];
    return vdt_masks_add_u8(masks, rows, cols, pixels, (ptrdiff_t)cols, 1, error);
}

vdt_status vdt_mask_draw(struct vdt_masks *masks, const struct vdt_annotation *a, uint32_t rows,
                         uint32_t cols, struct vdt_error *error)
{
    size_t most =
        a->part_count == 0 ? 0 : (size_t)(a->part_offsets[a->part_count] - a->part_offsets[0]);
    size_t outer = 0, holes = a->part_count;
    vdt_cleanup(vdt_free_pointer) const double(**rings)[2] = vdt_allocate(most, sizeof *rings);
    vdt_cleanup(vdt_free_pointer) size_t *counts = vdt_allocate(most, sizeof *counts);
    if (rings == NULL || counts == NULL)
        return vdt_fail_memory(error, "masks");
    for (size_t part = 0; part < a->part_count; part++)
        for (uint64_t ring = a->part_offsets[part]; ring < a->part_offsets[part + 1]; ring++) {
            size_t at = ring == a->part_offsets[part] ? outer++ : holes++;
            rings[at] = a->points + a->ring_offsets[ring];
            counts[at] = (size_t)(a->ring_offsets[ring + 1] - a->ring_offsets[ring]);
        }
    return draw_rings(masks, rings, counts, outer, most - outer, rows, cols, error);
}

static vdt_status add_mask(const struct vdt_annotations *set, struct vdt_masks *masks, uint64_t row,
                           struct vdt_error *error)
{
    struct vdt_annotation a;
    vdt_record_columns_get(&set->records, row, &a);
    const struct vdt_set_sample *sample = &set->samples.rows[a.sample];
    if (a.kind == VDT_ANNOTATION_MASK)
        return vdt_masks_add_counts(masks, a.rows, a.cols, a.counts, a.count_count, error);
    if (sample->rows == 0 || sample->cols == 0)
        return no_form(set, row, "a mask while the size of its sample is not known", error);
    if (a.kind == VDT_ANNOTATION_BOX)
        return vdt_masks_add_box(masks, sample->rows, sample->cols, a.box, error);
    if (a.kind == VDT_ANNOTATION_POLYGON)
        return vdt_mask_draw(masks, &a, sample->rows, sample->cols, error);
    double corners[4][2];
    const double(*rings[1])[2] = {(const double(*)[2])corners};
    const size_t counts[1] = {4};
    vdt_rotated_corners(a.rotated, corners);
    return vdt_masks_add_polygons(masks, sample->rows, sample->cols, rings, counts, 1, error);
}

static vdt_status make_masks(const struct vdt_annotations *set,
                             struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    size_t count = (size_t)columns->objects.count;
    columns->shapes.kind = VDT_SHAPE_RLE;
    columns->shapes.counts = records->counts;
    columns->shapes.count_offsets = records->count_offsets;
    columns->shapes.size = (const uint32_t(*)[2])records->size;
    if (count > 0 && all_of(set, columns, VDT_ANNOTATION_MASK))
        return VDT_OK;
    vdt_status status = vdt_masks_new(&columns->masks, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = add_mask(set, columns->masks, columns->rows[i], error);
    if (status == VDT_OK)
        columns->shapes = *vdt_masks_shapes(columns->masks);
    return status;
}

vdt_status vdt_objects_shapes(const struct vdt_annotations *set, enum vdt_annotation_form form,
                              struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    vdt_status status =
        form == VDT_FORM_MASK      ? make_masks(set, columns, error)
        : form == VDT_FORM_POLYGON ? make_polygons(set, columns, error)
        : form == VDT_FORM_ROTATED
            ? make_rotated(set, columns, error)
            : vdt_fail(error, VDT_ERR_ARGUMENT, "annotations: %d is no form", (int)form);
    columns->shapes.count = columns->objects.count;
    columns->objects.shapes = &columns->shapes;
    return status;
}
