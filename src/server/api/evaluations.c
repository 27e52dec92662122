/* /v1/evaluations: asked for, listed, read, removed. */
#include "server/meta/evaluations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/evaluation.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/http.h"
#include "report/options_check.h"
#include "server/api/evaluations.h"
#include "server/api/routes.h"
#include "server/api/runs.h"
#include "server/evals/evals.h"
#include "server/meta/annotations.h"
#include "server/meta/audit.h"
#include "server/meta/fields.h"
#include "server/server.h"

enum { PARAMETERS_MOST = 1 << 20, METRIC_MOST = 200, BOOTSTRAP_MOST = 10000, WORST_MOST = 1000 };

static vdt_status note(struct vdt_request *request, struct vdt_session *session, const char *action,
                       const char *entry, const char *slug, int result, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "evaluation", slug);
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .entry = entry,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

/* --- asked for -------------------------------------------------------------------------------- */

/* What would fail as a job whatever the run is, or keep the machine busy for nothing. */
static vdt_status check_options(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    const char *by = options->by;
    if (by != NULL && (strcmp(by, "region") == 0 || strncmp(by, "region:", 7) == 0))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "parameters: by \"%.60s\" needs a file of regions, and is not for a catalog", by);
    if (options->bootstrap > BOOTSTRAP_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "parameters: bootstrap is at most %d",
                        BOOTSTRAP_MOST);
    if (options->worst > WORST_MOST || options->examples > WORST_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "parameters: worst and examples are at most %d",
                        WORST_MOST);
    if (!(options->ground_overlap >= 0 && options->ground_overlap <= 1) ||
        !(options->ground_min_visible >= 0 && options->ground_min_visible <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "parameters: ground_overlap and ground_min_visible are from 0 to 1");
    vdt_status status = vdt_options_check(options, true, error);
    if (status == VDT_ERR_UNSUPPORTED) /* what does not go together is wrong to ask for */
        status = error->status = VDT_ERR_ARGUMENT;
    return status;
}

vdt_status vdt_evaluation_parameters(const json_t *wish, char **text, struct vdt_error *error)
{
    /* What is of this machine, or says what is compared, is not the caller's to choose. */
    static const char *const ours[] = {"store",       "run",          "ground_truth",
                                       "predictions", "baseline",     "threads",
                                       "regions",     "ignore_areas", NULL};
    vdt_cleanup(vdt_json_release) json_t *empty = json_object();
    struct vdt_evaluate_options *options = NULL;
    if (wish == NULL || json_is_null(wish))
        wish = empty;
    if (!json_is_object(wish))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "parameters: must be an object");
    for (size_t i = 0; ours[i] != NULL; i++)
        if (json_object_get(wish, ours[i]) != NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "parameters: %s is not for a catalog",
                            ours[i]);
    vdt_cleanup(vdt_free_pointer) char *made = vdt_json_text(wish);
    if (made == NULL)
        return vdt_fail_memory(error, "parameters");
    if (strlen(made) > PARAMETERS_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "parameters: have %zu bytes, and may have %d",
                        strlen(made), PARAMETERS_MOST);
    vdt_status status = vdt_evaluate_options_read(made, &options, error);
    if (status == VDT_OK)
        status = check_options(options, error);
    vdt_evaluate_options_free(options);
    if (status != VDT_OK)
        return status;
    *text = made;
    made = NULL;
    return VDT_OK;
}

vdt_status vdt_evaluation_pin_labels(struct vdt_session *session, const struct vdt_meta_run *run,
                                     char **parameters, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *wish = json_loads(*parameters, 0, NULL);
    const char *labels = json_string_value(json_object_get(wish, "labels"));
    struct vdt_set_row set;
    char text[VDT_SET_NAME_MOST + 24];
    if (labels == NULL)
        return VDT_OK;
    vdt_status status = vdt_set_of_labels(session, run->entry, labels, &set, error);
    if (status != VDT_OK)
        return status;
    snprintf(text, sizeof text, "%s@%lld", set.name, (long long)set.revision);
    json_object_set_new(wish, "labels", json_string(text));
    char *made = vdt_json_text(wish);
    if (made == NULL)
        return vdt_fail_memory(error, "parameters");
    free(*parameters);
    *parameters = made;
    return VDT_OK;
}

struct wish {
    const char *run;
    char *parameters; /* owned */
    bool retry;
};

static void clear_wish(struct wish *wish)
{
    free(wish->parameters);
}

static vdt_status read_wish(struct vdt_request *request, struct wish *wish, struct vdt_error *error)
{
    static const char *const names[] = {"run", "parameters", "retry", NULL};
    json_t *body = NULL;
    vdt_status status = vdt_request_json(request, &body, error);
    if (status == VDT_OK)
        status = vdt_fields_only(body, names, error);
    if (status != VDT_OK)
        return status;
    const json_t *retry = json_object_get(body, "retry");
    wish->run = json_string_value(json_object_get(body, "run"));
    wish->retry = json_is_true(retry);
    if (wish->run == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "run: must be a run's id");
    if (retry != NULL && !json_is_boolean(retry))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "retry: must be true or false");
    return vdt_evaluation_parameters(json_object_get(body, "parameters"), &wish->parameters, error);
}

static vdt_status find_committed(struct vdt_request *request, struct vdt_session *session,
                                 const char *slug, struct vdt_meta_run *run,
                                 struct vdt_error *error)
{
    const struct vdt_caller *caller = vdt_request_caller(request);
    vdt_status status = vdt_meta_run_find(session, caller, slug, false, run, error);
    if (status != VDT_OK)
        return status;
    if (run->state == VDT_META_RUN_COMMITTED)
        return VDT_OK;
    vdt_reply_error(request, 409, "RunNotCommitted",
                    "run %s: is not committed yet; commit it first", run->slug);
    return VDT_END;
}

static vdt_status create(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(clear_wish) struct wish wish = {0};
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_cleanup(vdt_evaluation_row_clear) struct vdt_evaluation_row row = {0};
    const struct vdt_caller *caller = vdt_request_caller(request);
    char slug[VDT_SLUG_SIZE + 1];
    bool fresh = false;
    vdt_status status = read_wish(request, &wish, error);
    if (status == VDT_OK)
        status = find_committed(request, session, wish.run, &run, error);
    if (status == VDT_OK)
        status = vdt_evaluation_pin_labels(session, &run, &wish.parameters, error);
    if (status == VDT_OK)
        status = vdt_evaluation_ask(session, caller->user, &run, wish.parameters, wish.retry, slug,
                                    &fresh, error);
    if (status == VDT_OK && fresh)
        status = note(request, session, "evaluation.create", run.entry_slug, slug, 202, error);
    if (status == VDT_OK)
        status = vdt_evaluation_find(session, caller, slug, false, &row, error);
    if (status == VDT_OK)
        status = vdt_evaluation_json_of(session, vdt_request_base(request), row.id, false,
                                        &answer->json, error);
    if (status != VDT_OK)
        return status;
    answer->code = 202;
    snprintf(answer->location, sizeof answer->location, "%s/v1/evaluations/%s",
             vdt_request_base(request), slug);
    return VDT_OK;
}

static void handle_create(struct vdt_request *request)
{
    vdt_api_run(request, VDT_DB_WRITE, create);
    vdt_evals_wake(vdt_request_server(request)->evals);
}

/* --- one -------------------------------------------------------------------------------------- */

static vdt_status find(struct vdt_request *request, struct vdt_session *session, bool change,
                       struct vdt_evaluation_row *row, struct vdt_error *error)
{
    return vdt_evaluation_find(session, vdt_request_caller(request),
                               vdt_request_path(request, "id"), change, row, error);
}

static vdt_status get(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_evaluation_row_clear) struct vdt_evaluation_row row = {0};
    vdt_status status = find(request, session, false, &row, error);
    return status == VDT_OK ? vdt_evaluation_json_of(session, vdt_request_base(request), row.id,
                                                     true, &answer->json, error)
                            : status;
}

static vdt_status delete (struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    vdt_cleanup(vdt_evaluation_row_clear) struct vdt_evaluation_row row = {0};
    vdt_status status = find(request, session, true, &row, error);
    if (status == VDT_OK)
        status = vdt_evaluation_remove(session, &row, error);
    return status == VDT_OK
               ? note(request, session, "evaluation.remove", row.entry_slug, row.slug, 204, error)
               : status;
}

/* --- its page --------------------------------------------------------------------------------- */

struct pictures {
    const char *base;
    char entry[VDT_SLUG_SIZE + 1];
    int64_t version;
    bool asked;  /* ?pictures=1: by who puts them into the page */
    bool hidden; /* a browser has no token to ask for pictures with, nor may a page have one */
};

static char *picture_of(const char *sample, const char *group, uint64_t index,
                        enum vdt_evaluation_picture which, void *payload)
{
    const struct pictures *pictures = payload;
    (void)group;
    (void)index;
    if (pictures->hidden || which == VDT_EVALUATION_PREDICTED)
        return NULL; /* predictions are not drawn here */
    vdt_cleanup(vdt_free_pointer) char *key = vdt_url_escape(sample);
    size_t size = key == NULL ? 0 : strlen(pictures->base) + strlen(key) + 120;
    char *text = key == NULL ? NULL : vdt_allocate(size, 1);
    if (text != NULL)
        snprintf(text, size, "%s/v1/entries/%s/samples/%s/%s?version=%lld", pictures->base,
                 pictures->entry, key, which == VDT_EVALUATION_TRUTH ? "mask.png" : "image.png",
                 (long long)pictures->version);
    return text;
}

static vdt_status read_report(struct vdt_request *request, struct vdt_session *session,
                              char **document, char **title, struct pictures *pictures,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_evaluation_row_clear) struct vdt_evaluation_row row = {0};
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_status status = find(request, session, false, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_find(session, vdt_request_caller(request), row.entry_slug,
                                VDT_ACCESS_READ, &entry, error);
    if (status == VDT_OK)
        status = vdt_meta_run_find(session, vdt_request_caller(request), row.run_slug, false, &run,
                                   error);
    if (status == VDT_OK)
        status = vdt_evaluation_text(session, &row, document, error);
    if (status != VDT_OK)
        return status;
    pictures->version = run.version;
    pictures->hidden = !entry.is_public && !pictures->asked;
    snprintf(pictures->entry, sizeof pictures->entry, "%s", row.entry_slug);
    *title = row.run_name;
    row.run_name = NULL;
    return VDT_OK;
}

static void handle_report(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_free_pointer) char *document = NULL;
    vdt_cleanup(vdt_free_pointer) char *title = NULL;
    struct pictures pictures = {.base = vdt_request_base(request)};
    const char *asked = vdt_request_query(request, "pictures");
    char *html = NULL;
    pictures.asked = asked != NULL && strcmp(asked, "1") == 0;
    if (asked != NULL && !pictures.asked && strcmp(asked, "0") != 0) {
        vdt_reply_error(request, 400, "BadRequest", "pictures: is 0 or 1");
        return;
    }
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = read_report(request, session, &document, &title, &pictures, &error);
    vdt_db_end(&session);
    session = NULL;
    const struct vdt_evaluation_page page = {
        .title = title, .picture = picture_of, .payload = &pictures};
    if (status == VDT_OK)
        status = vdt_evaluation_html(document, &page, &html, &error);
    if (status != VDT_OK) {
        vdt_reply_failure(request, &error);
        return;
    }
    vdt_reply_header(request, "Cache-Control", "private, no-cache");
    vdt_reply_header(request, "X-Content-Type-Options", "nosniff");
    /* The page needs nothing but itself and pictures of this server. */
    vdt_reply_header(request, "Content-Security-Policy",
                     "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
                     "frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    vdt_reply_bytes(request, 200, "text/html; charset=utf-8", html, strlen(html));
}

/* --- lists ------------------------------------------------------------------------------------ */

/* ?sortby=-AP and the token. */
static vdt_status read_order(struct vdt_request *request, const json_t *after,
                             struct vdt_evaluations_query *query, struct vdt_error *error)
{
    const char *sort = vdt_request_query(request, "sortby");
    if (sort != NULL && strcmp(sort, "-created_at") != 0) {
        query->falling = *sort == '-';
        query->metric = sort + (*sort == '-' || *sort == '+' || *sort == ' ');
        if (*query->metric == '\0' || strlen(query->metric) > METRIC_MOST)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "sortby: is a metric's name, or -name");
    }
    query->has_after = after != NULL;
    query->after = json_integer_value(json_array_get(after, 0));
    query->after_value = json_number_value(json_array_get(after, 1));
    return VDT_OK;
}

static vdt_status list(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    static const char *const names[] = {"run", "model", "entry", "state", "sortby", NULL};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    struct vdt_evaluations_query query = {.run = vdt_request_query(request, "run"),
                                          .model = vdt_request_query(request, "model"),
                                          .entry = vdt_request_query(request, "entry"),
                                          .state = vdt_request_query(request, "state")};
    json_t *documents = NULL;
    int64_t last = 0;
    double value = 0;
    bool more = false;
    vdt_status status = vdt_api_repeat(request, names, "evaluations?", &repeated, error);
    const char *name = (const char *)repeated.data;
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &query.limit, &after, error);
    if (status == VDT_OK)
        status = read_order(request, after, &query, error);
    if (status == VDT_OK)
        status =
            vdt_evaluation_list(session, vdt_request_caller(request), vdt_request_base(request),
                                &query, &documents, &last, &value, &more, error);
    if (status != VDT_OK)
        return status;
    return vdt_api_answer_page(request, name, "evaluations", documents,
                               more ? json_pack("[I, f]", (json_int_t)last, value) : NULL,
                               query.limit, name + strlen("evaluations?"), answer, error);
}

VDT_API_HANDLER(handle_list, VDT_DB_READ, list)
VDT_API_HANDLER(handle_get, VDT_DB_READ, get)
VDT_API_HANDLER(handle_delete, VDT_DB_WRITE, delete)

#define EVALUATION "/v1/evaluations/{id}"

const struct vdt_route vdt_evaluation_routes[] = {
    {"GET", "/v1/evaluations", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", "/v1/evaluations", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_create, NULL},
    {"GET", EVALUATION, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_get, NULL},
    {"GET", EVALUATION "/report", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_report, NULL},
    {"DELETE", EVALUATION, VDT_SCOPE_WRITE, 0, 0, handle_delete, NULL},
    {0},
};
