/* Class rasters: pixels are counted once, sample by sample, and summed for weights.
 */
#include "report/tasks/segmentation.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/objects.h"
#include "report/tasks/segmentation_state.h"

static void clear_names(struct vdt_burnt_values *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    free(names->values);
}

static void free_segmented(void *state)
{
    struct vdt_segmented *segmented = state;
    for (uint32_t i = 0; i < segmented->class_count; i++)
        free(segmented->classes[i]);
    clear_names(&segmented->truth_names);
    clear_names(&segmented->predicted_names);
    for (uint32_t i = 0; i < segmented->unit_count; i++) {
        if (segmented->cells)
            free(segmented->cells[i]);
        if (segmented->areas)
            free(segmented->areas[i]);
        if (segmented->edges)
            free(segmented->edges[i]);
    }
    free(segmented->classes);
    free(segmented->truth_values);
    free(segmented->predicted_values);
    free(segmented->areas);
    free(segmented->cells);
    free(segmented->cell_counts);
    free(segmented->edges);
    free(segmented->edge_counts);
    free(segmented);
}

static void release_segmented(struct vdt_segmented **segmented)
{
    if (*segmented)
        free_segmented(*segmented);
}

/* --- values -------------------------------------------------------------------------------- */

static const char *const metric_names[] = {"miou",
                                           "miou_background",
                                           "frequency_weighted_iou",
                                           "accuracy",
                                           "mean_accuracy",
                                           "precision",
                                           "recall",
                                           "f1",
                                           "boundary_iou"};

enum { METRICS = sizeof metric_names / sizeof metric_names[0] };

/* Sums of cells times weights; owned by the caller. */
struct sums {
    double *matrix;
    double *area; /* of the ground, as the matrix; NULL: not on the ground */
    double *both, *any;
};

static void clear_sums(struct sums *sums)
{
    free(sums->matrix);
    free(sums->area);
    free(sums->both);
    free(sums->any);
}

static vdt_status make_sums(const struct vdt_segmented *segmented, const uint32_t *weights,
                            struct sums *sums, struct vdt_error *error)
{
    size_t values = (size_t)segmented->class_count + 1;
    sums->matrix = vdt_allocate_zero(values * (values + 1), sizeof *sums->matrix);
    sums->area = segmented->areas ? vdt_allocate_zero(values * (values + 1), sizeof(double)) : NULL;
    sums->both = vdt_allocate_zero(values, sizeof *sums->both);
    sums->any = vdt_allocate_zero(values, sizeof *sums->any);
    if (!sums->matrix || !sums->both || !sums->any || (segmented->areas && !sums->area))
        return vdt_fail_memory(error, "scores");
    for (uint32_t i = 0; i < segmented->unit_count; i++) {
        double weight = weights[i];
        if (weights[i] == 0)
            continue;
        for (uint32_t k = 0; k < segmented->cell_counts[i]; k++)
            sums->matrix[segmented->cells[i][k].cell] += weight * segmented->cells[i][k].pixels;
        for (uint32_t k = 0; sums->area && k < segmented->cell_counts[i]; k++)
            sums->area[segmented->cells[i][k].cell] += weight * segmented->areas[i][k];
        for (uint32_t k = 0; k < segmented->edge_counts[i]; k++) {
            sums->both[segmented->edges[i][k].value] += weight * segmented->edges[i][k].both;
            sums->any[segmented->edges[i][k].value] += weight * segmented->edges[i][k].any;
        }
    }
    return VDT_OK;
}

/* The mean over classes that have a boundary somewhere; the background is none of them. */
static double boundary_mean(const struct sums *sums, uint32_t class_count)
{
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t i = 1; i <= class_count; i++)
        if (sums->any[i] > 0) {
            sum += sums->both[i] / sums->any[i];
            count++;
        }
    return count ? sum / count : NAN;
}

static vdt_status score(const void *state, const uint32_t *weights, double *values,
                        struct vdt_error *error)
{
    const struct vdt_segmented *segmented = state;
    vdt_cleanup(clear_sums) struct sums sums = {0};
    struct vdt_segmentation_scores scores;
    vdt_cleanup(vdt_free_pointer) struct vdt_segment_score *segments =
        vdt_allocate((size_t)segmented->class_count + 1, sizeof *segments);
    vdt_status status =
        segments ? make_sums(segmented, weights, &sums, error) : vdt_fail_memory(error, "scores");
    if (status)
        return status;
    vdt_segmentation_score(sums.matrix, segmented->class_count, &scores, segments);
    const double metrics[METRICS] = {scores.miou,
                                     scores.miou_background,
                                     scores.frequency_weighted_iou,
                                     scores.accuracy,
                                     scores.mean_accuracy,
                                     scores.precision,
                                     scores.recall,
                                     scores.f1,
                                     boundary_mean(&sums, segmented->class_count)};
    memcpy(values, metrics, sizeof metrics);
    for (uint32_t i = 0; i < segmented->class_count; i++)
        values[METRICS + i] = segments[i + 1].iou;
    return VDT_OK;
}

/* --- the document -------------------------------------------------------------------------- */

static json_t *class_document(const char *name, const struct vdt_segment_score *segment,
                              double both, double any)
{
    json_t *object = json_object();
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"iou", segment->iou},
                   {"precision", segment->precision},
                   {"recall", segment->recall},
                   {"f1", segment->f1},
                   {"boundary_iou", any > 0 ? both / any : NAN}};
    json_object_set_new(object, "class", vdt_document_text(name));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(object, numbers[i].name, vdt_document_number(numbers[i].value));
    json_object_set_new(object, "truth_pixels", vdt_document_count((uint64_t)segment->truth));
    json_object_set_new(object, "predicted_pixels",
                        vdt_document_count((uint64_t)segment->predicted));
    json_object_set_new(object, "right_pixels", vdt_document_count((uint64_t)segment->both));
    if (segment->truth == 0)
        json_object_set_new(object, "reason", json_string("no_ground_truth"));
    return object;
}

/* Ground of a class: labelled, predicted, and of both what agrees and what does not. */
static void add_areas(json_t *object, const double *area, uint32_t class_count, uint32_t value)
{
    double truth = 0, predicted = 0, both = area[value * (class_count + 2) + value];
    for (uint32_t i = 0; i <= class_count + 1; i++)
        truth += area[value * (class_count + 2) + i];
    for (uint32_t i = 0; i <= class_count; i++)
        predicted += area[i * (class_count + 2) + value];
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"truth_area", truth},
                   {"predicted_area", predicted},
                   {"right_area", both},
                   {"wrong_area", fmax(predicted - both, 0)},
                   {"missed_area", fmax(truth - both, 0)}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(object, numbers[i].name, vdt_document_number(numbers[i].value));
}

static json_t *confusion_document(const struct vdt_segmented *segmented, const double *matrix)
{
    uint32_t values = segmented->class_count + 1;
    json_t *object = json_object(), *truths = json_array(), *rows = json_array();
    json_array_append_new(truths, json_string("(background)"));
    for (uint32_t i = 0; i < segmented->class_count; i++)
        json_array_append_new(truths, vdt_document_text(segmented->classes[i]));
    json_t *columns = json_deep_copy(truths);
    json_array_append_new(columns, json_string("(none)"));
    for (uint32_t i = 0; i < values; i++) {
        json_t *row = json_array();
        for (uint32_t k = 0; k <= values; k++)
            json_array_append_new(row, vdt_document_count((uint64_t)matrix[i * (values + 1) + k]));
        json_array_append_new(rows, row);
    }
    json_object_set_new(object, "truths", truths);
    json_object_set_new(object, "predictions", columns);
    json_object_set_new(object, "counts", rows);
    return object;
}

/* Where both sides are from; samples without a store have boundaries of their own distance. */
static void add_sources(const struct vdt_segmented *segmented, const struct vdt_sides *sides,
                        json_t *about)
{
    json_t *distance = json_null();
    if (sides->reader) {
        struct vdt_tile_spec tile = vdt_reader_spec(sides->reader).tile;
        distance = json_integer(vdt_boundary_distance(tile.rows, tile.cols));
    }
    json_object_set_new(about, "boundary_distance", distance);
    json_object_set_new(about, "ground_truth_of",
                        json_string(segmented->truth_burnt ? "outlines" : "masks"));
    json_object_set_new(about, "predictions_of",
                        json_string(segmented->predicted_burnt ? "outlines" : "rasters"));
    if (segmented->predicted_burnt)
        json_object_set_new(about, "score", vdt_document_number(segmented->lowest));
    if (segmented->predicted_burnt || segmented->truth_burnt)
        json_object_set_new(about, "mask_rule",
                            json_string(segmented->touched ? "all-touched" : "center"));
}

static vdt_status fill_about(const struct vdt_segmented *segmented, const struct vdt_sides *sides,
                             const uint32_t *weights, json_t *about, struct vdt_error *error)
{
    vdt_cleanup(clear_sums) struct sums sums = {0};
    struct vdt_segmentation_scores scores;
    vdt_cleanup(vdt_free_pointer) struct vdt_segment_score *segments =
        vdt_allocate((size_t)segmented->class_count + 1, sizeof *segments);
    vdt_status status =
        segments ? make_sums(segmented, weights, &sums, error) : vdt_fail_memory(error, "scores");
    if (status)
        return status;
    json_t *classes = json_array(), *missing = json_array(), *ignored = json_array();
    vdt_segmentation_score(sums.matrix, segmented->class_count, &scores, segments);
    for (uint32_t i = 0; i < segmented->class_count; i++) {
        const struct vdt_segment_score *segment = &segments[i + 1];
        json_t *item =
            class_document(segmented->classes[i], segment, sums.both[i + 1], sums.any[i + 1]);
        json_array_append_new(classes, item);
        if (sums.area)
            add_areas(item, sums.area, segmented->class_count, i + 1);
        if (segment->truth > 0 && segment->predicted == 0)
            json_array_append_new(missing, vdt_document_text(segmented->classes[i]));
        if (segment->truth == 0 && segment->predicted > 0)
            json_array_append_new(ignored, vdt_document_text(segmented->classes[i]));
    }
    json_object_set_new(about, "classes", classes);
    json_object_set_new(about, "missing_labels", missing);
    json_object_set_new(about, "ignored_labels", ignored);
    json_object_set_new(about, "pixels", vdt_document_count((uint64_t)scores.pixels));
    add_sources(segmented, sides, about);
    if (sums.area) {
        double all = 0;
        for (size_t i = 0; i < (size_t)(segmented->class_count + 1) * (segmented->class_count + 2);
             i++)
            all += sums.area[i];
        json_object_set_new(about, "area", vdt_document_number(all));
        json_object_set_new(about, "area_unit",
                            json_string(segmented->metres ? "square_metre" : "square_unit"));
    }
    json_object_set_new(about, "confusion", confusion_document(segmented, sums.matrix));
    return VDT_OK;
}

/* A sample's score is its accuracy: no class has to be there for it. */
static vdt_status fill_units(const struct vdt_segmented *segmented, const struct vdt_sides *sides,
                             struct vdt_scorer *scorer, struct vdt_error *error)
{
    uint32_t columns = segmented->class_count + 2;
    scorer->unit_count = segmented->unit_count;
    scorer->weights = vdt_allocate(scorer->unit_count, sizeof *scorer->weights);
    scorer->unit_scores = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_scores);
    scorer->unit_errors = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_errors);
    if (scorer->weights == NULL || scorer->unit_scores == NULL || scorer->unit_errors == NULL)
        return vdt_fail_memory(error, "scores");
    memcpy(scorer->weights, sides->weights, scorer->unit_count * sizeof *scorer->weights);
    for (uint32_t i = 0; i < scorer->unit_count; i++) {
        double right = 0, all = 0;
        for (uint32_t k = 0; k < segmented->cell_counts[i]; k++) {
            const struct vdt_pixel_cell *cell = &segmented->cells[i][k];
            right += cell->cell / columns == cell->cell % columns ? cell->pixels : 0;
            all += cell->pixels;
        }
        scorer->unit_scores[i] = all > 0 ? right / all : NAN;
        scorer->unit_errors[i] = all - right;
    }
    return VDT_OK;
}

static vdt_status describe(const void *state, const struct vdt_sides *sides, uint32_t unit,
                           json_t *object, struct vdt_error *error)
{
    const struct vdt_segmented *segmented = state;
    uint64_t pixels = 0;
    (void)sides;
    (void)error;
    for (uint32_t k = 0; k < segmented->cell_counts[unit]; k++)
        pixels += segmented->cells[unit][k].pixels;
    json_object_set_new(object, "pixels", vdt_document_count(pixels));
    return VDT_OK;
}

static vdt_status gather(struct vdt_sides *sides, struct vdt_segmented *segmented,
                         struct vdt_error *error)
{
    segmented->unit_count = sides->sample_count;
    segmented->cells = vdt_allocate_zero(sides->sample_count, sizeof *segmented->cells);
    segmented->edges = vdt_allocate_zero(sides->sample_count, sizeof *segmented->edges);
    segmented->cell_counts = vdt_allocate_zero(sides->sample_count, sizeof(uint32_t));
    segmented->edge_counts = vdt_allocate_zero(sides->sample_count, sizeof(uint32_t));
    segmented->areas = sides->options->ground
                           ? vdt_allocate_zero(sides->sample_count, sizeof *segmented->areas)
                           : NULL;
    if (!segmented->cells || !segmented->edges || !segmented->cell_counts ||
        !segmented->edge_counts || (sides->options->ground && !segmented->areas))
        return vdt_fail_memory(error, "masks");
    vdt_status status = vdt_segmented_classes(segmented, sides, error);
    return status ? status : vdt_segmented_read(segmented, sides, error);
}

vdt_status vdt_segmentation_scorer(struct vdt_sides *sides, struct vdt_scorer *scorer,
                                   struct vdt_error *error)
{
    vdt_cleanup(release_segmented) struct vdt_segmented *segmented =
        vdt_allocate_zero(1, sizeof *segmented);
    struct vdt_scorer made = {.task = "segmentation",
                              .direction = "accuracy",
                              .score = score,
                              .describe = describe,
                              .free_state = free_segmented,
                              .about = json_object()};
    vdt_status status =
        segmented ? gather(sides, segmented, error) : vdt_fail_memory(error, "masks");
    if (!status)
        status = fill_units(segmented, sides, &made, error);
    for (size_t i = 0; !status && i < METRICS; i++)
        if (!vdt_scorer_name(&made, "%s", metric_names[i]))
            status = vdt_fail_memory(error, "scores");
    made.metric_count = made.value_count;
    for (uint32_t i = 0; !status && i < segmented->class_count; i++)
        if (!vdt_scorer_name(&made, "class:%s:iou", segmented->classes[i]))
            status = vdt_fail_memory(error, "scores");
    if (!status)
        status = fill_about(segmented, sides, made.weights, made.about, error);
    if (status) {
        vdt_scorer_clear(&made);
        return status;
    }
    made.state = segmented;
    segmented = NULL;
    *scorer = made;
    return VDT_OK;
}
