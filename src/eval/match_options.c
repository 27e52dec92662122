/* The options of matching: the protocols' defaults, and what is refused. */
#include "eval/match_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/ordered.h"

enum { MOST_THRESHOLDS = 1024, MOST_RECALLS = 1 << 20, MOST_AREAS = 64, MOST_LIMITS = 64 };

static const double coco_areas[4][2] = {
    {0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}};
static const uint32_t coco_limits[3] = {1, 10, 100};
static const double all_areas[1][2] = {{0, INFINITY}};
static const uint32_t no_limit[1] = {UINT32_MAX};
enum { DEFAULT_RECALLS = 101 };

static vdt_status take_defaults(const struct vdt_detection_options *given,
                                struct vdt_detection_options *used, double *recalls,
                                struct vdt_error *error)
{
    *used = *given;
    if (given->image_count == 0 || given->category_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "detection: image_count and category_count are required");
    if ((unsigned)given->protocol > VDT_PROTOCOL_DOTA)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "protocol: %u is not known",
                        (unsigned)given->protocol);
    const struct vdt_protocol_rules *rules = vdt_protocol_rules(given->protocol);
    if (given->iou_thresholds == NULL) {
        used->iou_thresholds = rules->thresholds;
        used->iou_threshold_count = rules->threshold_count;
    }
    if (given->recall_thresholds == NULL) {
        /* numpy.linspace(0, 1, 101): a product, not the nearest number to k / 100. */
        for (size_t k = 0; k < rules->recall_count; k++)
            recalls[k] = (double)k * rules->recall_step;
        used->recall_thresholds = recalls;
        used->recall_threshold_count = rules->recall_count;
    }
    if (given->area_ranges == NULL) {
        used->area_ranges = rules->areas_and_limits ? coco_areas : all_areas;
        used->area_range_count = rules->areas_and_limits ? 4 : 1;
    }
    if (given->max_detections == NULL) {
        used->max_detections = rules->areas_and_limits ? coco_limits : no_limit;
        used->max_detection_count = rules->areas_and_limits ? 3 : 1;
    }
    return VDT_OK;
}

static vdt_status check_counts(const struct vdt_detection_options *used, struct vdt_error *error)
{
    const struct {
        const char *name;
        size_t count, most;
    } lists[] = {{"iou_thresholds", used->iou_threshold_count, MOST_THRESHOLDS},
                 {"recall_thresholds", used->recall_threshold_count, MOST_RECALLS},
                 {"area_ranges", used->area_range_count, MOST_AREAS},
                 {"max_detections", used->max_detection_count, MOST_LIMITS}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (lists[i].count == 0 || lists[i].count > lists[i].most)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %zu values; 1 to %zu are wanted",
                            lists[i].name, lists[i].count, lists[i].most);
    return VDT_OK;
}

static vdt_status check_values(const struct vdt_detection_options *used, struct vdt_error *error)
{
    for (size_t i = 0; i < used->iou_threshold_count; i++)
        if (!isfinite(used->iou_thresholds[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "iou_thresholds[%zu]: not a number", i);
    for (size_t i = 0; i < used->recall_threshold_count; i++)
        if (!isfinite(used->recall_thresholds[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "recall_thresholds[%zu]: not a number", i);
    for (size_t i = 0; i < used->area_range_count; i++)
        if (!(used->area_ranges[i][0] <= used->area_ranges[i][1]))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "area_ranges[%zu]: the first number must not be above the second", i);
    for (size_t i = 1; i < used->max_detection_count; i++)
        if (used->max_detections[i] < used->max_detections[i - 1])
            return vdt_fail(error, VDT_ERR_ARGUMENT, "max_detections: must be in rising order");
    for (size_t i = 0; used->protocol == VDT_PROTOCOL_VALOR && i < used->iou_threshold_count; i++)
        if (!(used->iou_thresholds[i] > 0 && used->iou_thresholds[i] <= 1))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "iou_thresholds[%zu]: %g, but valor has thresholds above 0, up to 1", i,
                            used->iou_thresholds[i]);
    return VDT_OK;
}

static int by_key(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static vdt_status read_keys(const char *name, const struct vdt_detection_options *used,
                            const struct vdt_image_category *list, size_t count, uint64_t **keys,
                            size_t *key_count, struct vdt_error *error)
{
    if (count == 0)
        return VDT_OK;
    if ((*keys = vdt_allocate(count, sizeof **keys)) == NULL)
        return vdt_fail_memory(error, name);
    *key_count = count;
    for (size_t i = 0; i < count; i++) {
        if (list[i].image >= used->image_count || list[i].category >= used->category_count)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s[%zu]: there is no such image or category",
                            name, i);
        (*keys)[i] = vdt_cell_key(list[i].category, list[i].image);
    }
    qsort(*keys, count, sizeof **keys, by_key);
    return VDT_OK;
}

static vdt_status copy_lists(const struct vdt_detection_options *used,
                             struct vdt_match_options *options, struct vdt_error *error)
{
    size_t doubles = used->iou_threshold_count + used->recall_threshold_count +
                     2 * used->area_range_count + used->max_detection_count;
    double *memory = vdt_allocate(doubles, sizeof *memory);
    if (memory == NULL)
        return vdt_fail_memory(error, "detection");
    options->thresholds = memory;
    options->recalls = memory + used->iou_threshold_count;
    options->areas = (double(*)[2])(void *)(options->recalls + used->recall_threshold_count);
    options->max_detections = (uint32_t *)(void *)(options->areas + used->area_range_count);
    memcpy(options->thresholds, used->iou_thresholds, used->iou_threshold_count * sizeof *memory);
    memcpy(options->recalls, used->recall_thresholds,
           used->recall_threshold_count * sizeof *memory);
    memcpy(options->areas, used->area_ranges, used->area_range_count * sizeof *options->areas);
    memcpy(options->max_detections, used->max_detections,
           used->max_detection_count * sizeof *options->max_detections);
    return VDT_OK;
}

vdt_status vdt_match_options_read(const struct vdt_detection_options *given,
                                  struct vdt_match_options *options, struct vdt_error *error)
{
    struct vdt_detection_options used;
    double recalls[DEFAULT_RECALLS];
    vdt_status status = take_defaults(given, &used, recalls, error);
    if (status == VDT_OK)
        status = check_counts(&used, error);
    if (status == VDT_OK)
        status = check_values(&used, error);
    if (status != VDT_OK)
        return status;
    *options =
        (struct vdt_match_options){.protocol = used.protocol,
                                   .rules = vdt_protocol_rules(used.protocol),
                                   .images = used.image_count,
                                   .categories = used.class_agnostic ? 1 : used.category_count,
                                   .input_categories = used.category_count,
                                   .class_agnostic = used.class_agnostic,
                                   .coco_ignores_ignore = used.coco_ignores_ignore,
                                   .federated = used.federated,
                                   .keep_ids = used.keep_ids,
                                   .max_per_image = used.max_per_image,
                                   .threads = used.threads == 0 ? vdt_core_count() : used.threads,
                                   .threshold_count = used.iou_threshold_count,
                                   .lanes = (used.iou_threshold_count + VDT_LANE - 1) / VDT_LANE,
                                   .recall_count = used.recall_threshold_count,
                                   .area_count = used.area_range_count,
                                   .max_count = used.max_detection_count};
    if (used.class_agnostic && (used.not_exhaustive_count > 0 || used.federated))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "class_agnostic: not together with lists of images and categories");
    status = copy_lists(&used, options, error);
    if (status == VDT_OK)
        status = read_keys("not_exhaustive", &used, used.not_exhaustive, used.not_exhaustive_count,
                           &options->not_exhaustive, &options->not_exhaustive_count, error);
    if (status == VDT_OK)
        status = read_keys("negative", &used, used.negative, used.negative_count,
                           &options->negative, &options->negative_count, error);
    return status;
}

void vdt_match_options_clear(struct vdt_match_options *options)
{
    free(options->thresholds);
    free(options->not_exhaustive);
    free(options->negative);
    *options = (struct vdt_match_options){0};
}

uint64_t vdt_match_outside(const struct vdt_match_options *options, double area)
{
    uint64_t outside = 0;
    for (size_t i = 0; i < options->area_count; i++)
        if (area < options->areas[i][0] || area > options->areas[i][1])
            outside |= UINT64_C(1) << i;
    return outside;
}
