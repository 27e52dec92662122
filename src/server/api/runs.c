/* /v1/entries/{id}/runs and /v1/runs: made, listed, read sample by sample, marked, removed. */
#include "server/api/runs.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/records.h"
#include "server/api/routes.h"
#include "server/meta/audit.h"
#include "server/meta/document.h"
#include "server/meta/fields.h"
#include "server/meta/predictions.h"
#include "server/meta/rasters.h"
#include "server/net/route.h"

vdt_status vdt_api_run_find(struct vdt_request *request, struct vdt_session *session, bool change,
                            struct vdt_meta_run *run, struct vdt_error *error)
{
    return vdt_meta_run_find(session, vdt_request_caller(request), vdt_request_path(request, "id"),
                             change, run, error);
}

vdt_status vdt_api_run_open(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_meta_run *run, struct vdt_error *error)
{
    vdt_status status = vdt_api_run_find(request, session, true, run, error);
    if (status != VDT_OK || run->state == VDT_META_RUN_OPEN)
        return status;
    vdt_reply_error(request, 409, "RunCommitted",
                    "run %s: is committed, and stays as it is; make another run", run->slug);
    return VDT_END;
}

vdt_status vdt_api_run_note(struct vdt_request *request, struct vdt_session *session,
                            const char *action, const struct vdt_meta_run *run, int result,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "run", run->slug);
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .entry = run->entry_slug,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

static vdt_status answer_with(struct vdt_request *request, const struct vdt_meta_run *run,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    answer->json =
        vdt_meta_run_document(run, vdt_request_caller(request), vdt_request_base(request));
    return answer->json == NULL ? vdt_fail_memory(error, "run") : VDT_OK;
}

/* --- of an entry ------------------------------------------------------------------------------ */

static vdt_status create(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    const struct vdt_caller *caller = vdt_request_caller(request);
    char slug[VDT_SLUG_SIZE + 1];
    json_t *wish = NULL;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &entry, error);
    if (status == VDT_OK)
        status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status = vdt_meta_run_create(session, caller, &entry, wish, slug, error);
    if (status == VDT_OK)
        status = vdt_meta_run_find(session, caller, slug, true, &run, error);
    if (status == VDT_OK)
        status = vdt_api_run_note(request, session, "run.create", &run, 201, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    snprintf(answer->location, sizeof answer->location, "%s/v1/runs/%s", vdt_request_base(request),
             slug);
    return answer_with(request, &run, answer, error);
}

static vdt_status list(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    static const char *const names[] = {"model", "name", "owner", "state", NULL};
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    char head[VDT_SLUG_SIZE + 16];
    json_t *documents = NULL;
    int64_t last = 0;
    bool more = false;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &entry, error);
    snprintf(head, sizeof head, "runs/%s?", entry.slug);
    if (status == VDT_OK)
        status = vdt_api_repeat(request, names, head, &repeated, error);
    struct vdt_meta_runs_query query = {.entry = entry.id,
                                        .model = vdt_request_query(request, "model"),
                                        .name = vdt_request_query(request, "name"),
                                        .owner = vdt_request_query(request, "owner"),
                                        .state = vdt_request_query(request, "state"),
                                        .before = INT64_MAX};
    const char *name = (const char *)repeated.data;
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &query.limit, &after, error);
    if (after != NULL)
        query.before = json_integer_value(after);
    if (status == VDT_OK)
        status = vdt_meta_run_list(session, vdt_request_caller(request), vdt_request_base(request),
                                   &query, &documents, &last, &more, error);
    if (status != VDT_OK)
        return status;
    return vdt_api_answer_page(request, name, "runs", documents,
                               more ? json_integer((json_int_t)last) : NULL, query.limit,
                               name + strlen(head), answer, error);
}

/* --- one run ---------------------------------------------------------------------------------- */

static vdt_status get(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_status status = vdt_api_run_find(request, session, false, &run, error);
    return status == VDT_OK ? answer_with(request, &run, answer, error) : status;
}

static vdt_status delete (struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_status status = vdt_api_run_find(request, session, true, &run, error);
    if (status == VDT_OK)
        status = vdt_meta_run_remove(session, &run, error);
    return status == VDT_OK ? vdt_api_run_note(request, session, "run.remove", &run, 204, error)
                            : status;
}

/* --- its samples ------------------------------------------------------------------------------ */

static json_t *sample_json(const struct vdt_meta_run_sample *sample)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:s}", "sample", sample->key, "number",
                     (json_int_t)sample->number, "group", sample->group, "position",
                     (json_int_t)sample->position, "state",
                     sample->predicted ? "predicted" : "unpredicted");
}

vdt_status vdt_api_run_sample_answer(struct vdt_session *session, const struct vdt_meta_run *run,
                                     const struct vdt_meta_run_sample *sample,
                                     struct vdt_answer *answer, struct vdt_error *error)
{
    json_t *predictions = NULL;
    struct vdt_meta_raster raster = {0};
    vdt_status status =
        vdt_meta_run_predictions(session, run->id, sample->number, &predictions, error);
    if (status != VDT_OK)
        return status;
    status = vdt_meta_raster_find(session, run->id, sample->number, true, &raster, error);
    if (status < 0) {
        json_decref(predictions);
        return status;
    }
    answer->json = sample_json(sample);
    json_object_set_new(answer->json, "raster",
                        status == VDT_END
                            ? json_null()
                            : json_pack("{s:i, s:i, s:i}", "rows", (int)raster.rows, "cols",
                                        (int)raster.cols, "bits", (int)raster.bits));
    json_object_set_new(answer->json, "index", json_integer((json_int_t)sample->index));
    json_object_set_new(answer->json, "run", json_string(run->slug));
    return json_object_set_new(answer->json, "predictions", predictions) == 0
               ? VDT_OK
               : vdt_fail_memory(error, "run");
}

vdt_status vdt_api_sample_by(struct vdt_request *request, enum vdt_sample_by *by,
                             struct vdt_error *error)
{
    static const char *const words[] = {"reference", "index", "number"};
    const char *text = vdt_request_query(request, "by");
    unsigned i = 0;
    while (text != NULL && i < 3 && strcmp(text, words[i]) != 0)
        i++;
    if (i == 3)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "by: is reference, index or number");
    *by = (enum vdt_sample_by)i;
    return VDT_OK;
}

vdt_status vdt_api_run_sample(struct vdt_request *request, struct vdt_session *session,
                              const struct vdt_meta_run *run, struct vdt_meta_run_sample *sample,
                              struct vdt_error *error)
{
    enum vdt_sample_by by = VDT_BY_REFERENCE;
    vdt_status status = vdt_api_sample_by(request, &by, error);
    return status == VDT_OK
               ? vdt_meta_run_sample(session, run, by, vdt_request_path(request, "reference"),
                                     sample, error)
               : status;
}

static vdt_status get_sample(struct vdt_request *request, struct vdt_session *session,
                             struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    struct vdt_meta_run_sample sample;
    vdt_status status = vdt_api_run_find(request, session, false, &run, error);
    if (status == VDT_OK)
        status = vdt_api_run_sample(request, session, &run, &sample, error);
    return status == VDT_OK ? vdt_api_run_sample_answer(session, &run, &sample, answer, error)
                            : status;
}

/* {"state": "predicted"}, which may be left out: there is nothing else to say. */
static vdt_status read_mark(struct vdt_request *request, struct vdt_error *error)
{
    static const char *const names[] = {"state", NULL};
    json_t *body = NULL;
    if (vdt_request_body(request)->size == 0)
        return VDT_OK;
    vdt_status status = vdt_request_json(request, &body, error);
    if (status == VDT_OK)
        status = vdt_fields_only(body, names, error);
    const char *state = json_string_value(json_object_get(body, "state"));
    if (status == VDT_OK && (state == NULL || strcmp(state, "predicted") != 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "state: can be made predicted, and nothing else");
    return status;
}

static vdt_status mark(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    struct vdt_meta_run_sample sample;
    struct vdt_meta_run_change change = {0};
    vdt_status status = vdt_api_run_open(request, session, &run, error);
    if (status == VDT_OK)
        status = read_mark(request, error);
    if (status == VDT_OK)
        status = vdt_api_run_sample(request, session, &run, &sample, error);
    if (status == VDT_OK)
        status = vdt_meta_run_mark(session, run.id, sample.number, &change, error);
    if (status == VDT_OK)
        status = vdt_meta_run_count(session, run.id, &change, error);
    sample.predicted = true;
    return status == VDT_OK ? vdt_api_run_sample_answer(session, &run, &sample, answer, error)
                            : status;
}

struct page {
    json_t *list;
    int limit;
    bool more;
    char group[64]; /* of the last one */
    int64_t position;
};

static bool add_sample(void *payload, const struct vdt_meta_run_sample *sample)
{
    struct page *page = payload;
    page->more = json_array_size(page->list) == (size_t)page->limit;
    if (page->more)
        return false;
    json_array_append_new(page->list, sample_json(sample));
    snprintf(page->group, sizeof page->group, "%s", sample->group);
    page->position = sample->position;
    return true;
}

/* ?state= and the token. */
static vdt_status read_samples_query(struct vdt_request *request, const json_t *after,
                                     struct vdt_meta_run_samples_query *query,
                                     struct vdt_error *error)
{
    const char *state = vdt_request_query(request, "state");
    query->predicted = -1;
    query->after_group = json_string_value(json_array_get(after, 0));
    query->after_position = json_integer_value(json_array_get(after, 1));
    if (state == NULL)
        return VDT_OK;
    query->predicted = strcmp(state, "predicted") == 0;
    return query->predicted || strcmp(state, "unpredicted") == 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "state: is predicted or unpredicted");
}

static vdt_status list_samples(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    static const char *const names[] = {"state", NULL};
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    struct vdt_meta_run_samples_query query = {0};
    struct page page = {0};
    char head[VDT_SLUG_SIZE + 24];
    vdt_status status = vdt_api_run_find(request, session, false, &run, error);
    snprintf(head, sizeof head, "run-samples/%s?", run.slug);
    if (status == VDT_OK)
        status = vdt_api_repeat(request, names, head, &repeated, error);
    const char *name = (const char *)repeated.data;
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &page.limit, &after, error);
    if (status == VDT_OK)
        status = read_samples_query(request, after, &query, error);
    if (status != VDT_OK)
        return status;
    page.list = json_array();
    query.limit = page.limit + 1;
    status = vdt_meta_run_samples(session, &run, &query, add_sample, &page, error);
    if (status != VDT_OK) {
        json_decref(page.list);
        return status;
    }
    json_t *last = page.more ? json_pack("[s, I]", page.group, (json_int_t)page.position) : NULL;
    return vdt_api_answer_page(request, name, "samples", page.list, last, page.limit,
                               name + strlen(head), answer, error);
}

/* --- routes ----------------------------------------------------------------------------------- */

VDT_API_HANDLER(handle_list, VDT_DB_READ, list)
VDT_API_HANDLER(handle_create, VDT_DB_WRITE, create)
VDT_API_HANDLER(handle_get, VDT_DB_READ, get)
VDT_API_HANDLER(handle_delete, VDT_DB_WRITE, delete)
VDT_API_HANDLER(handle_samples, VDT_DB_READ, list_samples)
VDT_API_HANDLER(handle_sample, VDT_DB_READ, get_sample)
VDT_API_HANDLER(handle_mark, VDT_DB_WRITE, mark)

#define RUNS "/v1/entries/{id}/runs"
#define RUN "/v1/runs/{id}"

const struct vdt_route vdt_run_routes[] = {
    {"GET", RUNS, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", RUNS, VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_create, NULL},
    {"GET", RUN, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_get, NULL},
    {"DELETE", RUN, VDT_SCOPE_WRITE, 0, 0, handle_delete, NULL},
    {"GET", RUN "/samples", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_samples, NULL},
    {"GET", RUN "/samples/{reference}", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_sample, NULL},
    {"PUT", RUN "/samples/{reference}", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_mark, NULL},
    {"GET", RUN "/samples/{reference}/raster", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0,
     vdt_handle_get_raster, NULL},
    {"PUT", RUN "/samples/{reference}/raster", VDT_SCOPE_WRITE, 0, VDT_RASTER_BODY_MOST,
     vdt_handle_put_raster, &vdt_raster_body},
    {"POST", RUN "/predictions", VDT_SCOPE_WRITE, 0, VDT_RECORDS_MOST, vdt_handle_predictions,
     &vdt_predictions_body},
    {"POST", RUN "/commit", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, vdt_handle_run_commit, NULL},
    {0},
};
