/* /v1/entries/{id}/annotations: sets of annotations on an entry's samples. They are what may change
 * at any time; versions and releases are what does not. */
#include "server/meta/annotations.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"
#include "server/api/records.h"
#include "server/api/routes.h"
#include "server/api/runs.h"
#include "server/meta/audit.h"
#include "server/meta/quota.h"
#include "server/net/route.h"
#include "server/server.h"

/* The entry of {id} and its set of {set}. */
static vdt_status find(struct vdt_request *request, struct vdt_session *session,
                       enum vdt_access wanted, struct vdt_entry_row *entry, struct vdt_set_row *set,
                       struct vdt_error *error)
{
    vdt_status status = vdt_api_entry(request, session, wanted, entry, error);
    return status == VDT_OK
               ? vdt_set_find(session, entry, vdt_request_path(request, "set"), set, error)
               : status;
}

static vdt_status note(struct vdt_request *request, struct vdt_session *session, const char *action,
                       const struct vdt_entry_row *entry, const struct vdt_set_row *set, int result,
                       struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *detail =
        json_pack("{s:s, s:I}", "set", set->name, "revision", (json_int_t)set->revision);
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .entry = entry->slug,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

/* --- sets ------------------------------------------------------------------------------------- */

static vdt_status list_sets(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    json_t *sets = NULL;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &entry, error);
    if (status == VDT_OK)
        status = vdt_set_list(session, &entry, vdt_request_base(request), &sets, error);
    if (status != VDT_OK)
        return status;
    answer->json = json_pack("{s:o}", "sets", sets);
    return answer->json == NULL ? vdt_fail_memory(error, "annotations") : VDT_OK;
}

static vdt_status remove_set(struct vdt_request *request, struct vdt_session *session,
                             struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    struct vdt_set_row set;
    vdt_status status = find(request, session, VDT_ACCESS_WRITE, &entry, &set, error);
    if (status == VDT_OK)
        status = vdt_set_remove(session, &set, error);
    return status == VDT_OK ? note(request, session, "annotations.remove", &entry, &set, 204, error)
                            : status;
}

/* --- pages of annotations --------------------------------------------------------------------- */

struct page {
    json_t *list;
    int limit;
    bool more, failed;
    int64_t last;
};

static bool add_annotation(void *payload, int64_t id, const char *sample, const char *document)
{
    struct page *page = payload;
    page->more = json_array_size(page->list) == (size_t)page->limit;
    if (page->more)
        return false;
    json_t *value = json_loads(document, 0, NULL);
    page->failed = json_object_set_new(value, "sample", json_string(sample)) != 0 ||
                   json_array_append_new(page->list, value) != 0;
    page->last = id;
    return !page->failed;
}

static vdt_status list_annotations(struct vdt_request *request, struct vdt_session *session,
                                   struct vdt_answer *answer, struct vdt_error *error)
{
    static const char *const names[] = {"sample", "type", "class", NULL};
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    struct vdt_set_row set = {0};
    struct page page = {0};
    char head[VDT_SLUG_SIZE + VDT_SET_NAME_MOST + 24];
    vdt_status status = find(request, session, VDT_ACCESS_READ, &entry, &set, error);
    snprintf(head, sizeof head, "annotations/%s/%s?", entry.slug, set.name);
    if (status == VDT_OK)
        status = vdt_api_repeat(request, names, head, &repeated, error);
    const char *name = (const char *)repeated.data;
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &page.limit, &after, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_set_query query = {.sample = vdt_request_query(request, "sample"),
                                        .type = vdt_request_query(request, "type"),
                                        .class_name = vdt_request_query(request, "class"),
                                        .after = json_integer_value(after),
                                        .limit = page.limit + 1};
    page.list = json_array();
    status = vdt_set_each(session, set.id, &query, add_annotation, &page, error);
    if (status == VDT_OK && page.failed)
        status = vdt_fail_memory(error, "annotations");
    if (status != VDT_OK) {
        json_decref(page.list);
        return status;
    }
    status = vdt_api_answer_page(request, name, "annotations", page.list,
                                 page.more ? json_integer((json_int_t)page.last) : NULL, page.limit,
                                 name + strlen(head), answer, error);
    if (status == VDT_OK)
        json_object_set_new(answer->json, "set",
                            vdt_set_document(&set, vdt_request_base(request), entry.slug));
    return status;
}

/* --- pages of samples ------------------------------------------------------------------------- */

struct samples {
    json_t *list;
    int limit;
    bool more;
    char last[VDT_KEY_SIZE];
};

static bool add_sample(void *payload, const char *sample)
{
    struct samples *page = payload;
    page->more = json_array_size(page->list) == (size_t)page->limit;
    if (page->more)
        return false;
    json_array_append_new(page->list, json_pack("{s:s}", "sample", sample));
    snprintf(page->last, sizeof page->last, "%s", sample);
    return true;
}

static vdt_status list_samples(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    struct vdt_set_row set = {0};
    struct samples page = {0};
    char name[VDT_SLUG_SIZE + VDT_SET_NAME_MOST + 24];
    vdt_status status = find(request, session, VDT_ACCESS_READ, &entry, &set, error);
    snprintf(name, sizeof name, "annotated/%s/%s", entry.slug, set.name);
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &page.limit, &after, error);
    if (status != VDT_OK)
        return status;
    page.list = json_array();
    status = vdt_set_each_sample(session, set.id, json_string_value(after), page.limit + 1,
                                 add_sample, &page, error);
    if (status != VDT_OK) {
        json_decref(page.list);
        return status;
    }
    return vdt_api_answer_page(request, name, "samples", page.list,
                               page.more ? json_string(page.last) : NULL, page.limit, "", answer,
                               error);
}

/* --- one sample ------------------------------------------------------------------------------- */

/* The key of {reference}. */
static vdt_status find_sample(struct vdt_request *request, struct vdt_session *session,
                              enum vdt_access wanted, struct vdt_entry_row *entry,
                              struct vdt_set_row *set, char key[VDT_KEY_SIZE],
                              struct vdt_error *error)
{
    enum vdt_sample_by by = VDT_BY_REFERENCE;
    vdt_status status = vdt_api_sample_by(request, &by, error);
    if (status == VDT_OK)
        status = find(request, session, wanted, entry, set, error);
    return status == VDT_OK ? vdt_set_key(session, entry, set->id, by,
                                          vdt_request_path(request, "reference"), key, error)
                            : status;
}

static vdt_status get_sample(struct vdt_request *request, struct vdt_session *session,
                             struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    struct vdt_set_row set = {0};
    char key[VDT_KEY_SIZE];
    json_t *list = NULL;
    bool annotated = false;
    vdt_status status = find_sample(request, session, VDT_ACCESS_READ, &entry, &set, key, error);
    if (status == VDT_OK)
        status = vdt_set_sample(session, set.id, key, &annotated, &list, error);
    if (status != VDT_OK)
        return status;
    answer->json = json_pack("{s:s, s:s, s:s, s:o}", "sample", key, "set", set.name, "state",
                             annotated ? "annotated" : "unannotated", "annotations", list);
    return answer->json == NULL ? vdt_fail_memory(error, "annotations") : VDT_OK;
}

/* DELETE of one annotation (`name`), or of all that is on the sample. */
static vdt_status take_away(struct vdt_request *request, struct vdt_session *session,
                            const char *name, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    struct vdt_set_row set = {0};
    struct vdt_meta_run_change change = {0};
    char key[VDT_KEY_SIZE];
    vdt_status status = find_sample(request, session, VDT_ACCESS_WRITE, &entry, &set, key, error);
    if (status == VDT_OK)
        status = name == NULL ? vdt_set_clear(session, set.id, key, &change, error)
                              : vdt_set_take_away(session, set.id, key, name, &change, error);
    if (status == VDT_OK)
        status = vdt_set_count(session, &set, &change, error);
    return status == VDT_OK ? note(request, session, "annotations.change", &entry, &set, 204, error)
                            : status;
}

static vdt_status clear_sample(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    return take_away(request, session, NULL, error);
}

static vdt_status remove_annotation(struct vdt_request *request, struct vdt_session *session,
                                    struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    return take_away(request, session, vdt_request_path(request, "annotation"), error);
}

/* --- added ------------------------------------------------------------------------------------ */

/* Whether the caller may annotate the entry, which has samples, before the body is read. */
static bool start(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = vdt_api_entry(request, session, VDT_ACCESS_WRITE, &entry, &error);
    if (status == VDT_OK)
        status = vdt_set_name_check(vdt_request_path(request, "set"), &error);
    if (status == VDT_OK && entry.head == 0)
        status = vdt_fail(&error, VDT_ERR_MISMATCH,
                          "entry %s: has no samples yet; save a store to it first", entry.slug);
    if (status < 0)
        vdt_reply_failure(request, &error);
    return status == VDT_OK && vdt_records_start(request);
}

static const struct vdt_body_ops annotations_body = {.start = start, .data = vdt_records_take};

struct annotating {
    struct vdt_request *request;
    struct vdt_entry_row entry; /* of the batch at hand */
    struct vdt_set_row set;
};

static vdt_status begin(void *payload, struct vdt_session *session, struct vdt_error *error)
{
    struct annotating *annotating = payload;
    vdt_entry_row_clear(&annotating->entry);
    annotating->entry = (struct vdt_entry_row){0};
    vdt_status status =
        vdt_api_entry(annotating->request, session, VDT_ACCESS_WRITE, &annotating->entry, error);
    return status == VDT_OK
               ? vdt_set_make(session, &annotating->entry,
                              vdt_request_path(annotating->request, "set"), &annotating->set, error)
               : status;
}

static vdt_status add(void *payload, struct vdt_session *session,
                      const struct vdt_prediction_record *record, bool update,
                      struct vdt_meta_run_change *change, struct vdt_error *error)
{
    const struct annotating *annotating = payload;
    int64_t set = annotating->set.id;
    bool known = false;
    vdt_status status = vdt_set_knows(session, annotating->entry.id, record->sample, &known, error);
    if (status != VDT_OK || !known)
        return status == VDT_OK ? VDT_END : status;
    return record->id == NULL ? vdt_set_mark(session, set, record->sample, change, error)
                              : vdt_set_put(session, set, record->sample, record->id,
                                            record->document, update, change, error);
}

static vdt_status end(void *payload, struct vdt_session *session,
                      const struct vdt_meta_run_change *change, struct vdt_error *error)
{
    struct annotating *annotating = payload;
    int64_t before = annotating->set.revision;
    vdt_status status =
        change->bytes > 0 ? vdt_quota_bytes(session, annotating->entry.owner, change->bytes, error)
                          : VDT_OK;
    if (status == VDT_OK)
        status = vdt_set_count(session, &annotating->set, change, error);
    if (status != VDT_OK || annotating->set.revision == before)
        return status;
    return note(annotating->request, session, "annotations.change", &annotating->entry,
                &annotating->set, 200, error);
}

/* The size of the newest version's tiles. */
static vdt_status read_rules(struct vdt_request *request, struct vdt_record_rules *rules,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row entry = {0};
    vdt_status status = vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_api_entry(request, session, VDT_ACCESS_WRITE, &entry, error);
    *rules = (struct vdt_record_rules){.rows = (uint32_t)entry.rows, .cols = (uint32_t)entry.cols};
    return status;
}

static void handle_add(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    struct annotating annotating = {.request = request};
    struct vdt_records_work work = {
        .whose = "entry",
        .failpoint = "annotations.before-commit",
        .begin = begin,
        .add = add,
        .end = end,
        .payload = &annotating,
        .totals = {{"samples", &annotating.set.samples},
                   {"annotations", &annotating.set.annotations}},
    };
    vdt_status status = read_rules(request, &work.rules, &error);
    if (status == VDT_OK)
        vdt_records_handle(request, &work);
    else
        vdt_reply_failure(request, &error);
    vdt_entry_row_clear(&annotating.entry);
}

/* --- routes ----------------------------------------------------------------------------------- */

VDT_API_HANDLER(handle_sets, VDT_DB_READ, list_sets)
VDT_API_HANDLER(handle_list, VDT_DB_READ, list_annotations)
VDT_API_HANDLER(handle_remove, VDT_DB_WRITE, remove_set)
VDT_API_HANDLER(handle_samples, VDT_DB_READ, list_samples)
VDT_API_HANDLER(handle_sample, VDT_DB_READ, get_sample)
VDT_API_HANDLER(handle_clear, VDT_DB_WRITE, clear_sample)
VDT_API_HANDLER(handle_take_away, VDT_DB_WRITE, remove_annotation)

#define SETS "/v1/entries/{id}/annotations"
#define SET SETS "/{set}"
#define SAMPLE SET "/samples/{reference}"

const struct vdt_route vdt_annotation_routes[] = {
    {"GET", SETS, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_sets, NULL},
    {"GET", SET, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", SET, VDT_SCOPE_WRITE, 0, VDT_RECORDS_MOST, handle_add, &annotations_body},
    {"DELETE", SET, VDT_SCOPE_WRITE, 0, 0, handle_remove, NULL},
    {"GET", SET "/samples", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_samples, NULL},
    {"GET", SAMPLE, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_sample, NULL},
    {"DELETE", SAMPLE, VDT_SCOPE_WRITE, 0, 0, handle_clear, NULL},
    {"DELETE", SAMPLE "/{annotation}", VDT_SCOPE_WRITE, 0, 0, handle_take_away, NULL},
    {0},
};
