/* Objects of a detection's document: their boxes, outlines and what became of them. */
#include <math.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "annotate/records/mask_outline.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/detection.h"

enum { OBJECTS_MOST = 300 };

/* --- shapes -------------------------------------------------------------------------------- */

static void add_ring(json_t *rings, const double (*points)[2], uint64_t first, uint64_t last)
{
    json_t *ring = json_array();
    for (uint64_t i = first; i < last; i++)
        json_array_append_new(ring, vdt_document_numbers(points[i], 2));
    json_array_append_new(rings, ring);
}

static json_t *polygon_rings(const struct vdt_shapes *shapes, uint64_t index)
{
    json_t *rings = json_array();
    for (uint64_t part = shapes->shape_offsets[index]; part < shapes->shape_offsets[index + 1];
         part++)
        for (uint64_t ring = shapes->part_offsets[part]; ring < shapes->part_offsets[part + 1];
             ring++)
            add_ring(rings, shapes->points, shapes->ring_offsets[ring],
                     shapes->ring_offsets[ring + 1]);
    return rings;
}

static void clear_outlines(struct vdt_outlines *outlines)
{
    free(outlines->points);
    free(outlines->rings);
    free(outlines->parts);
    free(outlines->shapes);
}

/* Along the edges of pixels. */
static vdt_status mask_rings(const struct vdt_shapes *shapes, uint64_t index, json_t **rings,
                             struct vdt_error *error)
{
    vdt_cleanup(clear_outlines) struct vdt_outlines outlines = {0};
    uint64_t first = shapes->count_offsets[index];
    struct vdt_annotation mask = {.kind = VDT_ANNOTATION_MASK,
                                  .counts = shapes->counts + first,
                                  .count_count = (size_t)(shapes->count_offsets[index + 1] - first),
                                  .rows = shapes->size[index][0],
                                  .cols = shapes->size[index][1]};
    if (mask.count_count > 1 && !vdt_mask_outline(&outlines, &mask))
        return vdt_fail_memory(error, "outlines");
    *rings = json_array();
    for (size_t i = 0; i < outlines.ring_count; i++)
        add_ring(*rings, (const double(*)[2])outlines.points, outlines.rings[i],
                 outlines.rings[i + 1]);
    return VDT_OK;
}

static void add_mask_box(const struct vdt_shapes *shapes, uint64_t index, json_t *object)
{
    struct vdt_shapes one = *shapes;
    double box[1][4];
    one.count = 1;
    one.count_offsets += index;
    one.size += index;
    vdt_shapes_box(&one, box);
    json_object_set_new(object, "box", vdt_document_numbers(box[0], 4));
}

vdt_status vdt_detection_add_shape(const struct vdt_objects *objects, uint64_t index, bool outline,
                                   json_t *object, struct vdt_error *error)
{
    const struct vdt_shapes *shapes = objects->shapes;
    json_t *rings = NULL;
    if (objects->box)
        json_object_set_new(object, "box", vdt_document_numbers(objects->box[index], 4));
    if (shapes == NULL)
        return VDT_OK;
    if (shapes->kind == VDT_SHAPE_ROTATED)
        json_object_set_new(object, "rotated", vdt_document_numbers(shapes->rotated[index], 5));
    if (shapes->kind == VDT_SHAPE_RLE && !objects->box)
        add_mask_box(shapes, index, object);
    if (shapes->kind == VDT_SHAPE_ROTATED || !outline)
        return VDT_OK;
    if (shapes->kind == VDT_SHAPE_POLYGON)
        rings = polygon_rings(shapes, index);
    vdt_status status = rings ? VDT_OK : mask_rings(shapes, index, &rings, error);
    if (!status)
        json_object_set_new(object, "rings", rings);
    return status;
}

/* --- one sample ---------------------------------------------------------------------------- */

static const char *outcome_word(enum vdt_outcome outcome, bool truth)
{
    switch (outcome) {
    case VDT_OUTCOME_TRUE_POSITIVE: return truth ? "found" : "right";
    case VDT_OUTCOME_FALSE_POSITIVE: return truth ? "missed" : "wrong";
    case VDT_OUTCOME_IGNORED: return "ignored";
    case VDT_OUTCOME_LEFT_OUT: break;
    }
    return "left_out";
}

static vdt_status add_object(const struct vdt_detected *detected, const struct vdt_objects *objects,
                             uint64_t index, const char *outcome, json_t *list,
                             struct vdt_error *error)
{
    json_t *object = json_object();
    size_t category =
        detected->category_count == 1 || !objects->category ? 0 : objects->category[index];
    json_object_set_new(object, "class", vdt_document_text(detected->categories[category]));
    json_object_set_new(object, "outcome", json_string(outcome));
    if (objects->score)
        json_object_set_new(object, "score", vdt_document_number(objects->score[index]));
    json_array_append_new(list, object);
    return vdt_detection_add_shape(objects, index, true, object, error);
}

vdt_status vdt_detection_describe(const void *state, const struct vdt_sides *sides, uint32_t unit,
                                  json_t *object, struct vdt_error *error)
{
    const struct vdt_detected *detected = state;
    const struct vdt_objects *truth = &detected->compared.truth;
    const struct vdt_objects *predicted = &detected->compared.predicted;
    json_t *truths = json_array(), *predictions = json_array();
    vdt_status status = VDT_OK;
    (void)sides;
    for (uint64_t i = 0; !status && i < truth->count; i++) {
        if (truth->image[i] != unit || json_array_size(truths) >= OBJECTS_MOST)
            continue;
        uint32_t by;
        enum vdt_outcome outcome =
            vdt_detection_missed(detected->matches, i, detected->half, 0, &by);
        if (outcome == VDT_OUTCOME_TRUE_POSITIVE && by != VDT_NO_MATCH &&
            predicted->score[by] < detected->score)
            outcome = VDT_OUTCOME_FALSE_POSITIVE;
        status = add_object(detected, truth, i, outcome_word(outcome, true), truths, error);
    }
    for (uint64_t i = 0; !status && i < predicted->count; i++) {
        if (predicted->image[i] != unit || predicted->score[i] < detected->score ||
            json_array_size(predictions) >= OBJECTS_MOST)
            continue;
        enum vdt_outcome outcome =
            vdt_detection_outcome(detected->matches, i, detected->half, 0, NULL);
        status =
            add_object(detected, predicted, i, outcome_word(outcome, false), predictions, error);
    }
    json_object_set_new(object, "found", vdt_document_count(detected->found[unit]));
    json_object_set_new(object, "wrong", vdt_document_count(detected->wrong[unit]));
    json_object_set_new(object, "missed", vdt_document_count(detected->missed[unit]));
    json_object_set_new(object, "ground_truth", truths);
    json_object_set_new(object, "predictions", predictions);
    return status;
}
