/* Runs sent to a catalog and scored there; calls of routes that have no function of their own. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <vedatile/annotations.h>
#include <vedatile/catalog.h>
#include <vedatile/run.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"
#include "catalog/sidecar.h"
#include "catalog/submit_rasters.h"

enum { BODY = 1 << 20, POLL_FIRST_MS = 100, POLL_MOST_MS = 2000 };

vdt_status vdt_catalog_ask(struct vdt_catalog *catalog, const char *method, const char *path,
                           const char *body, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.method = method};
    if (path == NULL || strncmp(path, "/v1/", 4) != 0 || strlen(path) >= sizeof call.path)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a catalog's routes begin with /v1/");
    if (body != NULL) {
        vdt_status status = vdt_json_parse(body, "the body", &call.body, error);
        if (status != VDT_OK)
            return status;
    }
    snprintf(call.path, sizeof call.path, "%s", path);
    return vdt_call_text(catalog, &call, document, error);
}

/* --- sending a run ---------------------------------------------------------------------------- */

struct submission {
    struct vdt_catalog *catalog;
    const struct vdt_submit_options *options;
    struct vdt_sidecar sidecar;
    struct vdt_run_reader *reader;
    const struct vdt_run_info *info;
    json_t *run; /* as the catalog has it */
    struct vdt_buffer lines;
};

static void end_submission(struct submission *submission)
{
    vdt_sidecar_clear(&submission->sidecar);
    vdt_run_reader_free(submission->reader);
    json_decref(submission->run);
    vdt_buffer_clear(&submission->lines);
}

static json_t *object_of(const char *text)
{
    json_t *value = text == NULL || *text == '\0' ? NULL : json_loads(text, 0, NULL);
    return value == NULL ? json_object() : value;
}

static const char *model_reference(const struct vdt_run_info *info)
{
    const char *text = *info->model_reference != '\0' ? info->model_reference : info->model;
    return *text != '\0' ? text : info->name;
}

/* Makes the caller's model; one that is there is taken as it is. */
static vdt_status make_model(struct submission *submission, struct vdt_error *error)
{
    const struct vdt_run_info *info = submission->info;
    const char *reference = model_reference(info);
    struct vdt_call call = {.method = "POST", .path = "/v1/models"};
    call.body = json_pack("{s:s, s:s, s:o}", "name", *info->model != '\0' ? info->model : reference,
                          "reference", reference, "metadata", object_of(info->model_metadata));
    vdt_status status = vdt_call_json(submission->catalog, &call, NULL, NULL, error);
    return status == VDT_ERR_EXISTS || status == VDT_ERR_MISMATCH ? VDT_OK : status;
}

/* The caller's run of that name; VDT_ERR_NOT_FOUND. */
static vdt_status find_run(struct submission *submission, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *me = NULL, *found = NULL;
    struct vdt_call who = {.path = "/v1/me"}, call = {0};
    vdt_status status = vdt_call_json(submission->catalog, &who, &me, NULL, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_call_path(&call, "/v1/entries/", submission->sidecar.entry,
                       "/runs?name=", submission->options->run,
                       "&owner=", json_string_value(json_object_get(me, "name")), "", NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the run's name is too long");
    status = vdt_call_json(submission->catalog, &call, &found, NULL, error);
    json_t *run = json_array_get(json_object_get(found, "runs"), 0);
    if (status == VDT_OK && run == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the catalog has no run %s",
                        submission->options->run);
    submission->run = json_incref(run);
    return status;
}

static vdt_status make_run(struct submission *submission, struct vdt_error *error)
{
    const struct vdt_run_info *info = submission->info;
    struct vdt_call call = {.method = "POST"};
    vdt_call_path(&call, "/v1/entries/", submission->sidecar.entry, "/runs", NULL);
    call.body = json_pack("{s:s, s:s, s:o, s:I}", "model", model_reference(info), "name",
                          submission->options->run, "metadata", object_of(info->metadata),
                          "version", (json_int_t)submission->sidecar.version);
    if (*info->group != '\0')
        json_object_set_new(call.body, "group", json_string(info->group));
    return vdt_call_json(submission->catalog, &call, &submission->run, NULL, error);
}

static vdt_status find_or_make_run(struct submission *submission, struct vdt_error *error)
{
    vdt_status status = find_run(submission, error);
    return status == VDT_ERR_NOT_FOUND ? make_run(submission, error) : status;
}

static const char *run_id(const struct submission *submission)
{
    const char *id = json_string_value(json_object_get(submission->run, "id"));
    return id == NULL ? "" : id;
}

/* A record that the catalog refuses ends it: nothing of a run is left out in silence. */
static vdt_status send_lines(struct submission *submission, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *answer = NULL;
    struct vdt_call call = {.method = "POST",
                            .bytes = submission->lines.data,
                            .byte_count = submission->lines.size,
                            .type = "application/jsonl"};
    if (submission->lines.size == 0)
        return VDT_OK;
    vdt_call_path(&call, "/v1/runs/", run_id(submission), "/predictions", NULL);
    vdt_status status = vdt_call_json(submission->catalog, &call, &answer, NULL, error);
    submission->lines.size = 0;
    const json_t *failure = json_array_get(json_object_get(answer, "failures"), 0);
    if (status == VDT_OK && failure != NULL)
        return vdt_fail(error, VDT_ERR_MISMATCH, "the catalog refuses predictions: sample %s: %s",
                        json_string_value(json_object_get(failure, "sample")),
                        json_string_value(json_object_get(failure, "description")));
    return status;
}

static vdt_status add_line(struct submission *submission, const char *text, struct vdt_error *error)
{
    if (!vdt_buffer_append(&submission->lines, text, strlen(text)) ||
        !vdt_buffer_append(&submission->lines, "\n", 1))
        return vdt_fail_memory(error, "run");
    return submission->lines.size < BODY ? VDT_OK : send_lines(submission, error);
}

static vdt_status send_marks(struct submission *submission, struct vdt_error *error)
{
    const struct vdt_annotations *set = vdt_run_annotations(submission->reader);
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < vdt_annotations_sample_count(set); i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(set, i, &sample, error);
        if (status != VDT_OK || !sample.annotated)
            continue;
        vdt_cleanup(vdt_json_release) json_t *mark = json_pack("{s:s}", "sample", sample.reference);
        vdt_cleanup(vdt_free_pointer) char *text = mark == NULL ? NULL : vdt_json_text(mark);
        status = text == NULL ? vdt_fail_memory(error, "run") : add_line(submission, text, error);
    }
    return status;
}

static vdt_status send_predictions(struct submission *submission, struct vdt_error *error)
{
    const struct vdt_annotations *set = vdt_run_annotations(submission->reader);
    vdt_status status = send_marks(submission, error);
    for (uint64_t i = 0; status == VDT_OK && i < vdt_annotations_count(set); i++) {
        char *text = NULL;
        status = vdt_annotations_json(set, i, &text, error);
        if (status == VDT_OK)
            status = add_line(submission, text, error);
        vdt_string_free(text);
    }
    return status == VDT_OK ? send_lines(submission, error) : status;
}

/* --- scoring it ------------------------------------------------------------------------------- */

static vdt_status parameters_of(const struct submission *submission, json_t **parameters,
                                struct vdt_error *error)
{
    const char *text = submission->options->parameters;
    return vdt_json_parse(text == NULL || *text == '\0' ? "{}" : text, "parameters", parameters,
                          error);
}

static vdt_status commit(struct submission *submission, struct vdt_error *error)
{
    struct vdt_call call = {.method = "POST", .patient = true};
    vdt_call_path(&call, "/v1/runs/", run_id(submission), "/commit", NULL);
    call.body = json_pack("{s:b}", "evaluate", 0);
    vdt_status status = vdt_call_json(submission->catalog, &call, NULL, NULL, error);
    /* One that was committed by an answer that was lost is what is wanted. */
    return status == VDT_ERR_EXISTS || status == VDT_ERR_MISMATCH ? VDT_OK : status;
}

static vdt_status ask(struct submission *submission, json_t **evaluation, struct vdt_error *error)
{
    json_t *parameters = NULL;
    struct vdt_call call = {.method = "POST", .path = "/v1/evaluations"};
    vdt_status status = parameters_of(submission, &parameters, error);
    if (status != VDT_OK)
        return status;
    call.body = json_pack("{s:s, s:o}", "run", run_id(submission), "parameters", parameters);
    return vdt_call_json(submission->catalog, &call, evaluation, NULL, error);
}

static bool is_over(const json_t *evaluation)
{
    const char *state = json_string_value(json_object_get(evaluation, "state"));
    return state != NULL && (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0);
}

/* Asks again until the job is over. */
static vdt_status wait_for(struct submission *submission, json_t **evaluation,
                           struct vdt_error *error)
{
    long pause = POLL_FIRST_MS;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && !is_over(*evaluation)) {
        struct vdt_call call = {0};
        const struct timespec some = {.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000L};
        nanosleep(&some, NULL);
        pause = pause * 2 > POLL_MOST_MS ? POLL_MOST_MS : pause * 2;
        vdt_call_path(&call, "/v1/evaluations/",
                      json_string_value(json_object_get(*evaluation, "id")), "", NULL);
        json_decref(*evaluation);
        *evaluation = NULL;
        status = vdt_call_json(submission->catalog, &call, evaluation, NULL, error);
    }
    return status;
}

static vdt_status open_sides(struct submission *submission, struct vdt_error *error)
{
    const struct vdt_submit_options *options = submission->options;
    vdt_status status = vdt_sidecar_read(options->store, &submission->sidecar, error);
    if (status == VDT_OK && (submission->sidecar.entry == NULL || submission->sidecar.version == 0))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: is in no catalog; save it first",
                        options->store);
    if (status == VDT_OK)
        status = vdt_run_open(options->store, options->run, &submission->reader, error);
    if (status != VDT_OK)
        return status;
    submission->info = vdt_run_reader_info(submission->reader);
    return VDT_OK;
}

vdt_status vdt_catalog_submit(struct vdt_catalog *catalog, const struct vdt_submit_options *options,
                              char **document, struct vdt_error *error)
{
    vdt_cleanup(end_submission) struct submission submission = {.catalog = catalog,
                                                                .options = options};
    vdt_cleanup(vdt_json_release) json_t *evaluation = NULL;
    if (options == NULL || options->store == NULL || options->run == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a store and a run of it are wanted");
    vdt_status status = open_sides(&submission, error);
    if (status == VDT_OK)
        status = make_model(&submission, error);
    if (status == VDT_OK)
        status = find_or_make_run(&submission, error);
    if (status != VDT_OK)
        return status;
    const char *state = json_string_value(json_object_get(submission.run, "state"));
    if (state == NULL || strcmp(state, "committed") != 0) {
        status = send_predictions(&submission, error);
        if (status == VDT_OK)
            status = vdt_submit_rasters(catalog, options->store, run_id(&submission),
                                        submission.reader, error);
        if (status == VDT_OK)
            status = commit(&submission, error);
    }
    if (status == VDT_OK)
        status = ask(&submission, &evaluation, error);
    if (status == VDT_OK && !options->no_wait)
        status = wait_for(&submission, &evaluation, error);
    return status == VDT_OK ? vdt_hand_out(evaluation, document, error) : status;
}
