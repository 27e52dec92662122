/* What is wrong with options: an evaluation may take minutes to read what it is of. */
#include "report/options_check.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "report/fields.h"
#include "report/ground/ground.h"
#include "report/tasks/objects.h"
#include "report/tasks/place.h"
#include "report/tasks/tasks.h"

enum { THRESHOLDS_MOST = 1024, LIMITS_MOST = 64 };

static bool is_region(const char *by)
{
    return by && (strcmp(by, "region") == 0 || strncmp(by, "region:", 7) == 0);
}

static vdt_status check_sides(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    if (options->store && (options->ground_truth || options->predictions))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "give a store and a run, or files of ground truth and predictions");
    if (options->store && options->run == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: name the run to evaluate (run)",
                        options->store);
    if (options->store)
        return VDT_OK;
    if (options->ground_truth == NULL || options->predictions == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "give a store and a run, or files of ground truth and predictions");
    const struct {
        const char *name;
        bool given;
    } all[] = {{"labels", options->labels != NULL},
               {"group", options->group != NULL},
               {"view", options->view != NULL},
               {"ground", options->ground}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].given)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s needs a store", all[i].name);
    return VDT_OK;
}

/* What needs a file besides the two that are open. */
static vdt_status check_opened(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    const struct {
        const char *name, *value;
    } all[] = {{"baseline", options->baseline},
               {"regions", options->regions},
               {"ignore_areas", options->ignore_areas}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].value)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: no file can be opened here",
                            all[i].name);
    return VDT_OK;
}

static vdt_status check_numbers(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    bool valor = options->protocol && strcmp(options->protocol, "valor") == 0;
    if (options->iou_threshold_count > THRESHOLDS_MOST ||
        options->max_detection_count > LIMITS_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "at most %d iou_thresholds and %d max_detections",
                        THRESHOLDS_MOST, LIMITS_MOST);
    for (size_t i = 0; i < options->iou_threshold_count; i++) {
        double at = options->iou_thresholds[i];
        if (!(at >= 0 && at <= 1) || (valor && at == 0))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "iou_thresholds: %g is not %s", at,
                            valor ? "above 0 and up to 1" : "from 0 to 1");
    }
    for (size_t i = 0; i < options->max_detection_count; i++)
        if (options->max_detections[i] == 0 ||
            (i > 0 && options->max_detections[i] < options->max_detections[i - 1]))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "max_detections: numbers from 1 on, in rising order; not %u there",
                            options->max_detections[i]);
    if (!isfinite(options->score_threshold))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "score_threshold is no number");
    return VDT_OK;
}

/* Objects on the ground are in no sample. */
static bool only_objects(const struct vdt_evaluate_options *options)
{
    return options->task &&
           (strcmp(options->task, "detection") == 0 || strcmp(options->task, "instance") == 0);
}

static vdt_status check_fields(const struct vdt_evaluate_options *options, bool opened,
                               struct vdt_error *error)
{
    const char *by = options->by, *parts = options->bootstrap_by;
    bool place = by && (is_region(by) || strcmp(by, "view") == 0 || vdt_field_of_store(by));
    if (place && options->store == NULL && !opened)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "by %s needs a store", by);
    if (is_region(by) && options->regions == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "by %s: name a file of polygons with names (regions)", by);
    if (options->regions && !is_region(by))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "regions: a file of polygons is for by region, or by region:FIELD");
    if (by && options->ground && only_objects(options) && !is_region(by))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "by %s: objects on the ground are in no sample; by is region", by);
    if (parts && options->bootstrap == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bootstrap_by %s says what is drawn: set bootstrap as well", parts);
    if (parts && (strcmp(parts, "class") == 0 || strcmp(parts, "view") == 0 || is_region(parts)))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bootstrap_by %s: a sample may be in several of them; there are scene, "
                        "group and members of the samples' metadata",
                        parts);
    if (parts && vdt_field_of_store(parts) && options->store == NULL && !opened)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bootstrap_by %s needs a store", parts);
    return VDT_OK;
}

/* Read once to see whether they can be, and again where they are used: they are small beside what
 * is evaluated. */
static vdt_status check_files(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    struct vdt_ground_regions *regions = NULL;
    vdt_status status = VDT_OK;
    if (options->regions) {
        const char *field = strchr(options->by, ':');
        status =
            vdt_ground_regions_open(options->regions, field ? field + 1 : NULL, &regions, error);
        vdt_ground_regions_free(regions);
        regions = NULL;
    }
    if (!status && options->ignore_areas) {
        status = vdt_ground_regions_open(options->ignore_areas, "", &regions, error);
        vdt_ground_regions_free(regions);
    }
    return status;
}

vdt_status vdt_options_check(const struct vdt_evaluate_options *options, bool opened,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *map = NULL;
    vdt_status status = opened ? check_opened(options, error) : check_sides(options, error);
    if (!status && options->group && options->view)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "give a group or a view, not both");
    if (!status)
        status = vdt_tasks_check_words(options, error);
    if (!status)
        status = check_numbers(options, error);
    if (!status)
        status = vdt_label_map(options, &map, error);
    if (!status)
        status = check_fields(options, opened, error);
    if (!status)
        status = vdt_place_check(options, error);
    return status || opened ? status : check_files(options, error);
}
