#include "server/evals/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/block_map.h"
#include "server/draw/evaluate.h"
#include "server/evals/labels_file.h"
#include "server/meta/rasters.h"
#include "server/net/json_depth.h"
#include "server/server.h"

enum { DEPTH_MOST = 64, METRICS_MOST = 10000, NAME_MOST = 200 };

void vdt_evaluated_clear(struct vdt_evaluated *result)
{
    for (size_t i = 0; i < result->metric_count; i++)
        free((char *)(uintptr_t)result->metrics[i].name);
    free(result->metrics);
    free(result->document);
    *result = (struct vdt_evaluated){0};
}

/* --- what is compared ------------------------------------------------------------------------- */

struct inputs {
    struct vdt_meta_run run;
    struct vdt_block_map map;
    struct vdt_file_run *runs;
    char blob_name[VDT_BLOB_NAME];
    struct vdt_blob *blob;
    int labels; /* -1: the store's own */
    uint64_t labels_size;
};

static void clear_inputs(struct inputs *inputs)
{
    vdt_meta_run_clear(&inputs->run);
    vdt_block_map_clear(&inputs->map);
    free(inputs->runs);
    vdt_blob_close(inputs->blob);
    if (inputs->labels >= 0)
        close(inputs->labels);
}

static vdt_status find_blob(struct vdt_session *session, struct inputs *inputs,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT b.name FROM run r JOIN blob b ON b.id = r.blob WHERE r.id = ?1", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, inputs->run.id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the run's file is not there");
    if (status == VDT_OK)
        snprintf(inputs->blob_name, sizeof inputs->blob_name, "%s", vdt_rows_text(rows, 0));
    return status;
}

/* The entry's annotations that the parameters name, as they were when they were asked for. */
static vdt_status open_labels(struct vdt_server *server, struct vdt_session *session,
                              const struct vdt_job_row *job, struct inputs *inputs,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *parameters = json_loads(job->parameters, 0, NULL);
    const char *labels = json_string_value(json_object_get(parameters, "labels"));
    struct vdt_meta_tile tile = {0};
    struct vdt_set_row set;
    if (labels == NULL)
        return VDT_OK;
    vdt_status status = vdt_set_of_labels(session, inputs->run.entry, labels, &set, error);
    if (status == VDT_OK)
        status = vdt_meta_run_tile(session, &inputs->run, &tile, error);
    json_decref(tile.info);
    return status == VDT_OK ? vdt_labels_file_write(server, session, &set, tile.rows, tile.cols,
                                                    &inputs->labels, &inputs->labels_size, error)
                            : status;
}

static vdt_status open_inputs(struct vdt_server *server, const struct vdt_job_row *job,
                              struct inputs *inputs, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(server->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_meta_run_load(session, job->run, &inputs->run, error);
    if (status == VDT_OK)
        status = vdt_block_map_load(session, inputs->run.entry, inputs->run.version, &inputs->map,
                                    error);
    if (status == VDT_OK)
        status = find_blob(session, inputs, error);
    if (status == VDT_OK)
        status = open_labels(server, session, job, inputs, error);
    if (status == VDT_OK)
        status = vdt_block_map_open(&inputs->map, server->blobs, error);
    if (status == VDT_OK)
        status = vdt_block_map_runs(&inputs->map, &inputs->runs, error);
    return status == VDT_OK ? vdt_blobs_open(server->blobs, inputs->blob_name, &inputs->blob, error)
                            : status;
}

/* --- what comes back -------------------------------------------------------------------------- */

/* Takes a number down, as NAME and, of several tasks, as TASK/NAME. */
static vdt_status add_metric(struct vdt_evaluated *result, size_t *room, const char *task,
                             const char *name, double value, struct vdt_error *error)
{
    char text[2 * NAME_MOST + 2];
    if (result->metric_count == METRICS_MOST || strlen(name) > NAME_MOST)
        return VDT_OK;
    if (task == NULL)
        snprintf(text, sizeof text, "%s", name);
    else
        snprintf(text, sizeof text, "%.200s/%s", task, name);
    char *copy = vdt_copy_string(text);
    if (copy == NULL ||
        !vdt_grow(&result->metrics, room, result->metric_count + 1, sizeof *result->metrics)) {
        free(copy);
        return vdt_fail_memory(error, "evaluation");
    }
    result->metrics[result->metric_count++] = (struct vdt_job_metric){copy, value};
    return VDT_OK;
}

/* The numbers of "tasks": [{"task", "metrics": {name: number or null}}]. */
static vdt_status take_metrics(const json_t *document, struct vdt_evaluated *result,
                               struct vdt_error *error)
{
    const json_t *tasks = json_object_get(document, "tasks");
    vdt_status status = VDT_OK;
    size_t index, room = 0;
    json_t *task;
    json_array_foreach(tasks, index, task)
    {
        const char *word = json_string_value(json_object_get(task, "task"));
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(task, "metrics"), name, value)
        {
            double number = json_is_number(value) ? json_number_value(value) : NAN;
            if (status == VDT_OK && isfinite(number))
                status = add_metric(result, &room, NULL, name, number, error);
            if (status == VDT_OK && isfinite(number) && word != NULL && json_array_size(tasks) > 1)
                status = add_metric(result, &room, word, name, number, error);
        }
    }
    return status;
}

/* The worker's word is no better than the store's that it read. */
static vdt_status check_document(const struct vdt_buffer *bytes, struct vdt_evaluated *result,
                                 struct vdt_error *error)
{
    const char *text = (const char *)bytes->data;
    vdt_cleanup(vdt_json_release) json_t *document = NULL;
    if (bytes->size > 0 && vdt_json_depth_fits(text, bytes->size, DEPTH_MOST))
        document = json_loadb(text, bytes->size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(document) ||
        !json_is_string(json_object_get(document, "vedatile_evaluation")))
        return vdt_fail(error, VDT_ERR_FORMAT, "the evaluation's answer cannot be");
    result->document = vdt_json_text(document);
    return result->document == NULL ? vdt_fail_memory(error, "evaluation")
                                    : take_metrics(document, result, error);
}

vdt_status vdt_server_evaluate(struct vdt_server *server, const struct vdt_job_row *job,
                               struct vdt_evaluated *result, struct vdt_error *error)
{
    vdt_cleanup(clear_inputs) struct inputs inputs = {.labels = -1};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    vdt_status status = open_inputs(server, job, &inputs, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_evaluate_job asked = {
        .store = inputs.runs,
        .store_runs = inputs.map.run_count,
        .labels = {.fd = inputs.labels, .size = inputs.labels_size},
        .run = {.fd = vdt_blob_descriptor(inputs.blob), .size = inputs.blob->size},
        .parameters = job->parameters,
        .group = inputs.run.group,
    };
    status = vdt_draw_evaluate(server->draw, &asked, &bytes, error);
    return status == VDT_OK ? check_document(&bytes, result, error) : status;
}
