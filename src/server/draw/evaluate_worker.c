/* An evaluation, in a worker. */
#include <stdio.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/run.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "report/evaluation.h"
#include "server/draw/worker.h"
#include "store/reader.h"

static void free_options(struct vdt_evaluate_options **options)
{
    vdt_evaluate_options_free(*options);
}

static void free_evaluation(struct vdt_evaluation **evaluation)
{
    vdt_evaluation_free(*evaluation);
}

static vdt_status send_text(struct vdt_job *job, const char *text, struct vdt_error *error)
{
    size_t size = strlen(text);
    if (size > VDT_FRAME_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "the evaluation is %zu bytes of JSON: at most %d",
                        size, VDT_FRAME_MOST);
    return vdt_job_frame(job, VDT_FRAME_BYTES, text, size)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
}

/* The last of the job's pieces is the run; labels may be before it; the others are the store. */
static size_t run_piece(const struct vdt_job *job)
{
    return job->head.run_count == 0 ? 0 : job->head.run_count - 1;
}

static void free_set(struct vdt_annotations **set)
{
    vdt_annotations_free(*set);
}

/* The annotations of a piece, which are lines of JSON. */
static vdt_status read_labels(const struct vdt_file_run *piece, struct vdt_annotations **labels,
                              struct vdt_error *error)
{
    const struct vdt_annotations_options in_memory = {0};
    vdt_cleanup(free_set) struct vdt_annotations *set = NULL;
    vdt_cleanup(vdt_free_pointer) char *text = vdt_allocate((size_t)piece->size + 1, 1);
    if (text == NULL)
        return vdt_fail_memory(error, "labels");
    vdt_status status =
        vdt_read_at(piece->fd, text, (size_t)piece->size, piece->offset, "the labels", error);
    if (status == VDT_OK)
        status = vdt_annotations_open(&in_memory, &set, error);
    if (status == VDT_OK)
        status = vdt_annotations_add_json(set, text, (size_t)piece->size, "the labels", NULL, NULL,
                                          error);
    if (status == VDT_OK) {
        *labels = set;
        set = NULL;
    }
    return status;
}

vdt_status vdt_job_open_run(struct vdt_job *job, struct vdt_error *error)
{
    char path[64];
    if (job->head.run_count < 2)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an evaluation needs a store and a run");
    snprintf(path, sizeof path, "/proc/self/fd/%d", job->runs[run_piece(job)].fd);
    return vdt_run_open(NULL, path, &job->run, error);
}

bool vdt_evaluation_wants_ground(const unsigned char *request)
{
    vdt_cleanup(vdt_json_release) json_t *asked = json_loads((const char *)request, 0, NULL);
    return json_is_true(json_object_get(json_object_get(asked, "parameters"), "ground"));
}

static vdt_status read_options(struct vdt_job *job, json_t **request,
                               struct vdt_evaluate_options **options, struct vdt_error *error)
{
    vdt_status status =
        vdt_json_parse((const char *)job->request, "the evaluation", request, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *text =
        vdt_json_text(json_object_get(*request, "parameters"));
    if (text == NULL)
        return vdt_fail_memory(error, "evaluation");
    return vdt_evaluate_options_read(text, options, error);
}

vdt_status vdt_job_evaluate(struct vdt_job *job, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *request = NULL;
    vdt_cleanup(free_options) struct vdt_evaluate_options *options = NULL;
    vdt_cleanup(free_evaluation) struct vdt_evaluation *evaluation = NULL;
    struct vdt_opened_sides sides = {.run = job->run};
    vdt_status status = read_options(job, &request, &options, error);
    bool labelled = json_is_true(json_object_get(request, "labels"));
    size_t pieces = run_piece(job) - labelled;
    if (status == VDT_OK && labelled)
        status = read_labels(&job->runs[pieces], &sides.labels, error);
    if (status == VDT_OK)
        status = vdt_reader_open_runs("store", job->runs, pieces, &sides.reader, error);
    if (status != VDT_OK) {
        vdt_annotations_free(sides.labels);
        return status;
    }
    struct vdt_evaluate_options asked = *options;
    asked.threads = 1; /* the others of the machine serve */
    if (asked.group == NULL && asked.view == NULL)
        asked.group = json_string_value(json_object_get(request, "group"));
    job->run = NULL;
    status = vdt_evaluate_opened(&asked, &sides, &evaluation, error);
    return status == VDT_OK ? send_text(job, vdt_evaluation_json(evaluation), error) : status;
}
