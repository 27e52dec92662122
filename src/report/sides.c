/* Opens both sides and finds out which samples count. */
#include "report/sides.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/error.h"
#include "report/document.h"

void vdt_sides_warn(struct vdt_sides *sides, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_array_append_new(sides->warnings, vdt_document_text(text));
}

void vdt_sides_clear(struct vdt_sides *sides)
{
    for (uint32_t i = 0; sides->samples && i < sides->sample_count; i++)
        free(sides->samples[i].reference);
    free(sides->samples);
    free(sides->weights);
    vdt_annotations_free(sides->truth);
    vdt_run_reader_free(sides->run);
    vdt_coco_free(sides->truth_coco);
    vdt_coco_free(sides->result_coco);
    vdt_reader_free(sides->reader);
    json_decref(sides->warnings);
    *sides = (struct vdt_sides){0};
}

static bool is_json(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

/* --- samples ------------------------------------------------------------------------------- */

static vdt_status make_room(struct vdt_sides *sides, uint64_t count, struct vdt_error *error)
{
    if (count >= VDT_NO_SAMPLE)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%" PRIu64 " samples are too many", count);
    sides->samples = vdt_allocate_zero(count, sizeof *sides->samples);
    sides->weights = vdt_allocate_zero(count + 1, sizeof *sides->weights);
    if (sides->samples == NULL || sides->weights == NULL)
        return vdt_fail_memory(error, "samples");
    sides->sample_count = (uint32_t)count;
    return VDT_OK;
}

static vdt_status add_group(struct vdt_sides *sides, size_t group, uint32_t *at,
                            struct vdt_error *error)
{
    for (uint64_t i = 0; i < vdt_reader_count(sides->reader, group); i++, (*at)++) {
        struct vdt_sample row;
        vdt_status status = vdt_reader_sample(sides->reader, group, i, &row, NULL, error);
        if (status)
            return status;
        struct vdt_side_sample *sample = &sides->samples[*at];
        sample->reference = vdt_copy_string(row.key);
        if (sample->reference == NULL)
            return vdt_fail_memory(error, "samples");
        sample->group = vdt_reader_group_name(sides->reader, group);
        sample->store_group = group;
        sample->index = i;
        sample->truth = VDT_NO_SAMPLE;
        sample->predicted = VDT_NO_SAMPLE;
        sample->labelled = true;
    }
    return VDT_OK;
}

/* Of the groups from `first` to `last`. */
static vdt_status store_samples(struct vdt_sides *sides, size_t first, size_t last,
                                struct vdt_error *error)
{
    uint64_t count = 0;
    uint32_t at = 0;
    for (size_t group = first; group < last; group++)
        count += vdt_reader_count(sides->reader, group);
    vdt_status status = make_room(sides, count, error);
    for (size_t group = first; !status && group < last; group++)
        status = add_group(sides, group, &at, error);
    return status;
}

static vdt_status set_samples(struct vdt_sides *sides, struct vdt_error *error)
{
    vdt_status status = make_room(sides, vdt_annotations_sample_count(sides->truth), error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        struct vdt_annotated_sample known;
        struct vdt_side_sample *sample = &sides->samples[i];
        status = vdt_annotations_sample(sides->truth, i, &known, error);
        if (status)
            return status;
        sample->reference = vdt_copy_string(known.reference);
        if (sample->reference == NULL)
            return vdt_fail_memory(error, "samples");
        sample->group = "";
        sample->index = i;
        sample->truth = i;
        sample->predicted = VDT_NO_SAMPLE;
        sample->labelled = known.annotated;
    }
    return status;
}

static vdt_status coco_samples(struct vdt_sides *sides, struct vdt_error *error)
{
    struct vdt_coco_images images;
    vdt_coco_get_images(sides->truth_coco, &images);
    vdt_status status = make_room(sides, images.count, error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        struct vdt_side_sample *sample = &sides->samples[i];
        char number[32];
        snprintf(number, sizeof number, "%" PRId64, images.id[i]);
        sample->reference = vdt_copy_string(images.file_name[i][0] ? images.file_name[i] : number);
        if (sample->reference == NULL)
            return vdt_fail_memory(error, "samples");
        sample->group = "";
        sample->index = i;
        sample->truth = sample->predicted = i;
        sample->labelled = sample->has_prediction = true;
    }
    return status;
}

/* Samples of a store that the truth has. */
static vdt_status find_truth(struct vdt_sides *sides, struct vdt_error *error)
{
    vdt_status status = vdt_annotations_prepare(sides->truth, error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        struct vdt_side_sample *sample = &sides->samples[i];
        struct vdt_annotated_sample known;
        uint32_t found;
        vdt_status here =
            vdt_annotations_find_sample(sides->truth, sample->reference, &found, NULL);
        sample->labelled = false;
        if (here == VDT_ERR_NOT_FOUND)
            continue;
        status = here ? vdt_fail_memory(error, "samples")
                      : vdt_annotations_sample(sides->truth, found, &known, error);
        if (status)
            return status;
        sample->truth = found;
        sample->labelled = known.annotated;
    }
    return status;
}

static vdt_status find_predicted(struct vdt_sides *sides, struct vdt_error *error)
{
    uint64_t known_predicted = 0, all = vdt_annotations_sample_count(sides->predicted);
    for (uint32_t i = 0; i < sides->sample_count; i++) {
        struct vdt_side_sample *sample = &sides->samples[i];
        struct vdt_annotated_sample known;
        uint32_t found;
        vdt_status status =
            vdt_annotations_find_sample(sides->predicted, sample->reference, &found, error);
        if (status == VDT_ERR_NOT_FOUND)
            continue;
        if (!status)
            status = vdt_annotations_sample(sides->predicted, found, &known, error);
        if (status)
            return status;
        sample->predicted = found;
        sample->has_prediction = known.annotated;
        known_predicted += known.annotated;
    }
    uint64_t predicted = 0;
    for (uint64_t i = 0; i < all; i++) {
        struct vdt_annotated_sample known;
        vdt_status status = vdt_annotations_sample(sides->predicted, i, &known, error);
        if (status)
            return status;
        predicted += known.annotated;
    }
    sides->unknown = predicted - known_predicted;
    return VDT_OK;
}

/* --- opening ------------------------------------------------------------------------------- */

static vdt_status open_view(struct vdt_sides *sides, struct vdt_view *view, size_t *group,
                            struct vdt_error *error)
{
    size_t found;
    vdt_status status = vdt_reader_find_view(sides->reader, sides->options->view, &found, error);
    if (status)
        return status;
    *view = vdt_reader_view(sides->reader, found);
    return vdt_reader_find_group(sides->reader, view->group, group, error);
}

/* The store's own labels, or a set beside it. A store of masks alone has no objects. */
static vdt_status open_labels(struct vdt_sides *sides, size_t group, struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    struct vdt_error ignored = {0};
    if (sides->truth) /* was opened by another */
        return VDT_OK;
    if (options->labels)
        return vdt_annotations_open(
            &(struct vdt_annotations_options){.store = options->store, .name = options->labels},
            &sides->truth, error);
    vdt_status status = vdt_annotations_from_store(sides->reader, group, &sides->truth, &ignored);
    if (status == VDT_ERR_UNSUPPORTED && (vdt_reader_spec(sides->reader).tasks & VDT_SEGMENTATION))
        return VDT_OK;
    if (status && error)
        *error = ignored;
    return status;
}

static vdt_status pair_sides(struct vdt_sides *sides, struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    struct vdt_view view = {0};
    size_t group = SIZE_MAX;
    vdt_status status = VDT_OK;
    sides->predicted = vdt_run_annotations(sides->run);
    const char *named = options->group ? options->group : vdt_run_reader_info(sides->run)->group;
    if (options->view)
        status = open_view(sides, &view, &group, error);
    else if (named && named[0])
        status = vdt_reader_find_group(sides->reader, named, &group, error);
    if (!status)
        status = open_labels(sides, group, error);
    if (!status)
        status = store_samples(
            sides, group == SIZE_MAX ? 0 : group,
            group == SIZE_MAX ? vdt_reader_group_count(sides->reader) : group + 1, error);
    if (!status && sides->truth)
        status = find_truth(sides, error);
    if (!status)
        status = find_predicted(sides, error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++)
        sides->weights[i] = view.name == NULL;
    for (uint64_t i = 0; !status && view.name && i < view.count; i++)
        sides->weights[view.indices[i]] = 1;
    return status;
}

/* A run of another store, or of another group, has samples of other keys; those of a store that was
 * fed anew from the same scenes are known by theirs. */
static vdt_status check_run(struct vdt_sides *sides, struct vdt_error *error)
{
    const struct vdt_run_info *run = vdt_run_reader_info(sides->run);
    const char *uuid = vdt_reader_uuid(sides->reader), *path = vdt_reader_path(sides->reader);
    bool other = strcmp(run->store_uuid, uuid) != 0;
    bool strange = run->predicted > 0 && sides->unknown == run->predicted;
    if (strange && other)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: none of the %" PRIu64
                        " samples that it predicts is in %s: it is a run "
                        "of the store with uuid %s, and this one has %s",
                        run->path, run->predicted, path, run->store_uuid, uuid);
    if (strange)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: none of the %" PRIu64 " samples that it predicts is among those "
                        "evaluated: it is a run of group %s",
                        run->path, run->predicted, run->group);
    if (other)
        vdt_sides_warn(sides,
                       "%s is a run of another store, with uuid %s; samples are matched by key",
                       run->path, run->store_uuid);
    return VDT_OK;
}

static vdt_status open_store(struct vdt_sides *sides, const char *run, struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    if (run == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: name the run to evaluate (run)",
                        options->store);
    vdt_status status = vdt_reader_open(options->store, &sides->reader, error);
    if (!status)
        status = vdt_run_open(options->store, run, &sides->run, error);
    if (!status)
        status = pair_sides(sides, error);
    return status ? status : check_run(sides, error);
}

static vdt_status read_coco(struct vdt_sides *sides, const char *predictions,
                            struct vdt_error *error)
{
    struct vdt_coco_options options = {.threads = sides->options->threads};
    options.no_shapes = sides->options->iou && strcmp(sides->options->iou, "bbox") == 0;
    vdt_status status = vdt_coco_read_ground_truth(sides->options->ground_truth, &options,
                                                   &sides->truth_coco, error);
    if (!status)
        status = vdt_coco_read_results(predictions, &options, &sides->result_coco, error);
    return status ? status : coco_samples(sides, error);
}

static vdt_status open_truth_file(struct vdt_sides *sides, struct vdt_error *error)
{
    const char *path = sides->options->ground_truth;
    struct vdt_annotations_options options = {.path = is_json(path) ? NULL : path};
    vdt_status status = vdt_annotations_open(&options, &sides->truth, error);
    if (status || !is_json(path))
        return status;
    struct vdt_annotations_exchange exchange = {.path = path, .format = VDT_ANNOTATIONS_COCO};
    return vdt_annotations_import(sides->truth, &exchange, NULL, error);
}

/* What one side knows of the size of a sample, the other needs for its outlines. */
static vdt_status share_sizes(struct vdt_sides *sides, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        const struct vdt_side_sample *sample = &sides->samples[i];
        struct vdt_annotated_sample truth, predicted;
        if (sample->truth == VDT_NO_SAMPLE || sample->predicted == VDT_NO_SAMPLE)
            continue;
        status = vdt_annotations_sample(sides->truth, sample->truth, &truth, error);
        if (!status)
            status = vdt_annotations_sample(sides->predicted, sample->predicted, &predicted, error);
        if (status)
            return status;
        vdt_set_size_sample(sides->truth, sample->truth, predicted.rows, predicted.cols);
        vdt_set_size_sample(sides->predicted, sample->predicted, truth.rows, truth.cols);
    }
    return status;
}

static vdt_status open_files(struct vdt_sides *sides, const char *predictions,
                             struct vdt_error *error)
{
    const char *truth = sides->options->ground_truth;
    if (truth == NULL || predictions == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "give a store and a run, or files of ground truth and predictions");
    if (is_json(predictions) && !is_json(truth))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: COCO results need COCO ground truth; make a run of them with "
                        "`vedatile predictions import`",
                        predictions);
    if (is_json(predictions))
        return read_coco(sides, predictions, error);
    vdt_status status = open_truth_file(sides, error);
    if (!status)
        status = vdt_run_open(NULL, predictions, &sides->run, error);
    if (status)
        return status;
    sides->predicted = vdt_run_annotations(sides->run);
    status = set_samples(sides, error);
    if (!status)
        status = find_predicted(sides, error);
    return status ? status : share_sizes(sides, error);
}

/* What counts: labelled samples of the view, and of these the predicted ones where that is asked.
 */
static void weigh(struct vdt_sides *sides)
{
    for (uint32_t i = 0; i < sides->sample_count; i++) {
        const struct vdt_side_sample *sample = &sides->samples[i];
        if (sides->reader && !sides->weights[i])
            continue;
        sides->weights[i] = sample->labelled;
        sides->unlabelled += !sample->labelled;
        if (sample->labelled && !sample->has_prediction) {
            sides->unpredicted++;
            sides->weights[i] = !sides->options->predicted_only;
        }
        sides->counted += sides->weights[i];
    }
    if (sides->unpredicted && !sides->options->predicted_only)
        vdt_sides_warn(sides,
                       "%" PRIu64 " of %" PRIu64 " samples are not predicted yet and count as "
                       "predicted with nothing; predicted_only leaves them out",
                       sides->unpredicted, sides->counted);
    if (sides->unlabelled)
        vdt_sides_warn(sides,
                       "%" PRIu64
                       " samples have no labels yet and are left out; mark them where they "
                       "have none because there is nothing",
                       sides->unlabelled);
    if (sides->unknown && sides->options->view == NULL)
        vdt_sides_warn(sides, "%" PRIu64 " predicted samples are not among those evaluated",
                       sides->unknown);
}

/* Moves what was opened to the caller, or releases it. */
static vdt_status finish(struct vdt_sides *opened, vdt_status status, struct vdt_sides *sides,
                         struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = opened->options;
    const char *name = opened->reader ? vdt_reader_path(opened->reader) : options->ground_truth;
    if (!status) {
        weigh(opened);
        if (opened->counted == 0)
            status = vdt_fail(error, VDT_ERR_NOT_FOUND,
                              "no sample of %s is labelled%s: there is nothing to evaluate", name,
                              options->predicted_only ? " and predicted" : "");
    }
    if (status) {
        vdt_sides_clear(opened);
        return status;
    }
    *sides = *opened;
    return VDT_OK;
}

vdt_status vdt_sides_open(const struct vdt_evaluate_options *options, const char *predictions,
                          struct vdt_sides *sides, struct vdt_error *error)
{
    struct vdt_sides opened = {.options = options, .warnings = json_array()};
    if (predictions == NULL)
        predictions = options->store ? options->run : options->predictions;
    opened.predictions = predictions;
    vdt_status status = options->store ? open_store(&opened, predictions, error)
                                       : open_files(&opened, predictions, error);
    return finish(&opened, status, sides, error);
}

vdt_status vdt_sides_of(const struct vdt_evaluate_options *options,
                        const struct vdt_opened_sides *given, struct vdt_sides *sides,
                        struct vdt_error *error)
{
    struct vdt_sides opened = {.options = options,
                               .warnings = json_array(),
                               .reader = given->reader,
                               .truth = given->labels,
                               .run = given->run};
    return finish(&opened, pair_sides(&opened, error), sides, error);
}

/* --- the document -------------------------------------------------------------------------- */

enum { LISTED = 20 };

json_t *vdt_sides_samples(const struct vdt_sides *sides)
{
    json_t *object = json_object(), *list = json_array();
    for (uint32_t i = 0; i < sides->sample_count && json_array_size(list) < LISTED; i++) {
        const struct vdt_side_sample *sample = &sides->samples[i];
        bool meant = sides->weights[i] || sides->options->predicted_only;
        if (meant && sample->labelled && !sample->has_prediction)
            json_array_append_new(list, vdt_document_text(sample->reference));
    }
    json_object_set_new(object, "count", vdt_document_count(sides->counted));
    json_object_set_new(object, "unpredicted", vdt_document_count(sides->unpredicted));
    json_object_set_new(object, "unlabelled", vdt_document_count(sides->unlabelled));
    json_object_set_new(object, "unpredicted_samples", list);
    return object;
}

json_t *vdt_sides_run(const struct vdt_sides *sides)
{
    json_t *object = json_object();
    if (sides->run == NULL) {
        json_object_set_new(object, "file",
                            vdt_document_text(vdt_document_base_name(sides->predictions)));
        return object;
    }
    const struct vdt_run_info *info = vdt_run_reader_info(sides->run);
    json_object_set_new(object, "name", vdt_document_text(info->name));
    json_object_set_new(object, "model", vdt_document_text(info->model));
    json_object_set_new(object, "content_sha256", vdt_document_text(info->content_sha256));
    return object;
}

json_t *vdt_sides_inputs(const struct vdt_sides *sides)
{
    const struct vdt_evaluate_options *options = sides->options;
    json_t *object = json_object(), *truth = json_object();
    if (sides->reader) {
        json_t *store = json_object();
        json_object_set_new(store, "name", vdt_document_text(vdt_reader_spec(sides->reader).name));
        json_object_set_new(store, "uuid", vdt_document_text(vdt_reader_uuid(sides->reader)));
        json_object_set_new(object, "store", store);
        json_object_set_new(truth, "labels",
                            options->labels ? vdt_document_text(options->labels) : json_null());
    } else {
        json_object_set_new(truth, "file",
                            vdt_document_text(vdt_document_base_name(options->ground_truth)));
    }
    const char *digest = sides->truth ? vdt_annotations_digest(sides->truth) : "";
    json_object_set_new(truth, "content_sha256",
                        digest[0] ? vdt_document_text(digest) : json_null());
    json_object_set_new(object, "ground_truth", truth);
    json_object_set_new(object, "run", vdt_sides_run(sides));
    return object;
}
