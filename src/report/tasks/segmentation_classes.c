/* The classes of both sides: of masks, of a run's rasters, and of annotations that are burnt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/sets/row.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/tasks/objects.h"
#include "report/tasks/segmentation.h"
#include "report/tasks/segmentation_state.h"

enum { VALUES = 65536, CLASSES_MOST = 4096 };

static const double usual_score = 0.5;

static const uint32_t outlines = 1U << VDT_ANNOTATION_MASK | 1U << VDT_ANNOTATION_POLYGON;
static const uint32_t boxes = 1U << VDT_ANNOTATION_BOX | 1U << VDT_ANNOTATION_ROTATED;

static bool store_has_masks(const struct vdt_sides *sides)
{
    return sides->reader && sides->options->labels == NULL &&
           (vdt_reader_spec(sides->reader).tasks & VDT_SEGMENTATION);
}

static bool run_has_rasters(const struct vdt_sides *sides)
{
    return sides->run && vdt_run_reader_info(sides->run)->rasters > 0;
}

bool vdt_segmentation_has(const struct vdt_sides *sides, uint32_t truth, uint32_t predicted)
{
    bool asked = sides->options->task != NULL;
    if (sides->run == NULL)
        return false;
    bool labelled = store_has_masks(sides) || (truth & (asked ? outlines | boxes : outlines));
    return labelled && (run_has_rasters(sides) || (asked && (predicted & (outlines | boxes))));
}

/* --- tables -------------------------------------------------------------------------------- */

/* The place of a class by its mapped name. */
static vdt_status find_class(struct vdt_segmented *segmented, const json_t *map, const char *name,
                             uint16_t *value, struct vdt_error *error)
{
    uint32_t found =
        vdt_name_index(&segmented->classes, &segmented->class_count, vdt_mapped_label(map, name));
    if (found == UINT32_MAX)
        return vdt_fail_memory(error, "classes");
    if (found >= CLASSES_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "segmentation: more than %d classes",
                        CLASSES_MOST);
    *value = (uint16_t)(found + 1);
    return VDT_OK;
}

/* The classes of the store keep their numbers, unless a map makes one of several. */
static vdt_status store_classes(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                                const json_t *map, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(sides->reader);
    vdt_status status = VDT_OK;
    segmented->truth_values = map ? vdt_allocate(VALUES, sizeof(uint16_t)) : NULL;
    if (map && segmented->truth_values == NULL)
        return vdt_fail_memory(error, "classes");
    for (uint32_t i = 0; map && i < VALUES; i++)
        segmented->truth_values[i] = (uint16_t)i;
    for (size_t i = 0; !status && i < spec.class_count; i++) {
        uint16_t value = 0;
        status = find_class(segmented, map, spec.classes[i], &value, error);
        if (!status && map)
            segmented->truth_values[i + 1] = value;
    }
    return status;
}

/* Values beyond the run's classes are ignored. */
static vdt_status run_classes(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                              const json_t *map, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    segmented->predicted_values = vdt_allocate(VALUES, sizeof(uint16_t));
    if (segmented->predicted_values == NULL)
        return vdt_fail_memory(error, "classes");
    for (uint32_t i = 0; i < VALUES; i++)
        segmented->predicted_values[i] = VDT_IGNORE_U16;
    segmented->predicted_values[0] = 0;
    for (uint32_t i = 0; !status && i < vdt_run_reader_class_count(sides->run); i++)
        status = find_class(segmented, map, vdt_run_reader_class_name(sides->run, i),
                            &segmented->predicted_values[i + 1], error);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The values of the key that shapes have, sorted. */
static vdt_status list_names(struct vdt_annotations *set, const char *key,
                             struct vdt_burnt_values *names, struct vdt_error *error)
{
    vdt_cleanup(vdt_row_room_clear) struct vdt_row_room room = {0};
    for (uint64_t row = 0; row < vdt_annotations_count(set); row++) {
        struct vdt_annotation shape;
        vdt_status status = vdt_row_get(set, row, &room, &shape, error);
        if (status)
            return status;
        const struct vdt_label *labels = shape.labels;
        for (size_t i = 0; (1U << shape.kind & (outlines | boxes)) && i < shape.label_count; i++) {
            const char *its = labels[i].key && labels[i].key[0] ? labels[i].key : "class";
            if (strcmp(its, key && key[0] ? key : "class") == 0 &&
                vdt_name_index(&names->names, &names->count, labels[i].value) == UINT32_MAX)
                return vdt_fail_memory(error, "classes");
        }
    }
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, by_text);
    return VDT_OK;
}

static vdt_status burnt_classes(struct vdt_segmented *segmented, struct vdt_annotations *set,
                                const char *key, const json_t *map, struct vdt_burnt_values *names,
                                struct vdt_error *error)
{
    vdt_status status = vdt_annotations_prepare(set, error);
    if (!status)
        status = list_names(set, key, names, error);
    if (status)
        return status;
    names->values = vdt_allocate_zero(names->count, sizeof *names->values);
    if (names->values == NULL)
        return vdt_fail_memory(error, "classes");
    for (uint32_t i = 0; !status && i < names->count; i++)
        status = find_class(segmented, map, names->names[i], &names->values[i], error);
    return status;
}

/* Outlines are burnt by the rule that the store was made by. */
static bool store_touches(const struct vdt_sides *sides)
{
    vdt_cleanup(vdt_json_release) json_t *feeds =
        sides->reader ? json_loads(vdt_reader_feed_config(sides->reader), 0, NULL) : NULL;
    const json_t *feed;
    size_t index;
    bool touched = false;
    json_array_foreach(feeds, index, feed)
    {
        const char *rule = json_string_value(json_object_get(feed, "mask_rule"));
        touched = touched || (rule && strcmp(rule, "all-touched") == 0);
    }
    return touched;
}

vdt_status vdt_segmented_classes(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                                 struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    vdt_cleanup(vdt_json_release) json_t *map = NULL;
    vdt_status status = vdt_label_map(options, &map, error);
    segmented->truth_burnt = !store_has_masks(sides);
    segmented->predicted_burnt = !run_has_rasters(sides);
    segmented->touched = store_touches(sides);
    segmented->lowest = options->score_threshold != 0 ? options->score_threshold : usual_score;
    if (!status)
        status = segmented->truth_burnt ? burnt_classes(segmented, sides->truth, options->label_key,
                                                        map, &segmented->truth_names, error)
                                        : store_classes(segmented, sides, map, error);
    if (!status)
        status = segmented->predicted_burnt
                     ? burnt_classes(segmented, sides->predicted, options->label_key, map,
                                     &segmented->predicted_names, error)
                     : run_classes(segmented, sides, map, error);
    return status;
}
