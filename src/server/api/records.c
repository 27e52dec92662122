/* Bodies of records, long ones too. A body goes to a file without a name as it comes; then a worker
 * reads it record by record and adds a batch of them in each transaction, so that neither memory
 * nor the database's one writer is held by a long body. */
#define _GNU_SOURCE
#include "server/api/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "server/api/record_text.h"
#include "server/blobs/failpoint.h"
#include "server/net/route.h"
#include "server/server.h"

enum { BATCH = 500, BATCH_BYTES = 4 << 20, FAILURES_TOLD = 100 };

/* --- the body --------------------------------------------------------------------------------- */

struct spool {
    int fd;
    uint64_t size;
    enum vdt_record_form form;
};

static void free_spool(void *state)
{
    struct spool *spool = state;
    if (spool->fd >= 0)
        close(spool->fd);
    free(spool);
}

static bool read_form(struct vdt_request *request, enum vdt_record_form *form)
{
    static const struct {
        const char *type;
        enum vdt_record_form form;
    } types[] = {
        {"application/json", VDT_RECORD_ARRAY},
        {"application/jsonl", VDT_RECORD_LINES},
        {"application/x-ndjson", VDT_RECORD_LINES},
    };
    const char *type = vdt_request_header(request, "Content-Type");
    const size_t size = type == NULL ? 0 : strcspn(type, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (size == strlen(types[i].type) && strncasecmp(type, types[i].type, size) == 0) {
            *form = types[i].form;
            return true;
        }
    vdt_reply_error(request, 415, "UnsupportedMediaType",
                    "the body's Content-Type must be application/json, of an array, or "
                    "application/jsonl");
    return false;
}

bool vdt_records_start(struct vdt_request *request)
{
    enum vdt_record_form form = VDT_RECORD_LINES;
    if (!read_form(request, &form))
        return false;
    vdt_cleanup(vdt_free_pointer) char *folder =
        vdt_server_path(vdt_request_server(request), "tmp");
    struct spool *spool = malloc(sizeof *spool);
    int fd =
        folder == NULL || spool == NULL ? -1 : open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        free(spool);
        vdt_reply_error(request, 503, "Busy", "no file for the body can be made");
        return false;
    }
    *spool = (struct spool){.fd = fd, .form = form};
    vdt_request_set_state(request, spool, free_spool);
    return true;
}

bool vdt_records_take(struct vdt_request *request, const void *bytes, size_t size)
{
    struct vdt_error error = {.status = VDT_OK};
    struct spool *spool = vdt_request_state(request);
    vdt_status status = vdt_write_at(spool->fd, bytes, size, spool->size, "the body", &error);
    spool->size += size;
    if (status != VDT_OK)
        vdt_reply_failure(request, &error);
    return status == VDT_OK;
}

/* --- records ---------------------------------------------------------------------------------- */

struct item {
    struct vdt_prediction_record record;
    uint64_t number;
};

struct adding {
    struct vdt_request *request;
    const struct vdt_records_work *work;
    bool update;
    struct vdt_record_text text;
    struct item items[BATCH];
    size_t count;
    struct vdt_meta_run_change change; /* of what is committed */
    uint64_t errors;
    json_t *failures;
};

static void clear_items(struct adding *adding)
{
    for (size_t i = 0; i < adding->count; i++)
        vdt_prediction_record_clear(&adding->items[i].record);
    adding->count = 0;
}

static void clear_adding(struct adding *adding)
{
    clear_items(adding);
    vdt_record_text_clear(&adding->text);
    json_decref(adding->failures);
}

static vdt_status add_failure(struct adding *adding, uint64_t number, const char *sample,
                              const struct vdt_error *reason, struct vdt_error *error)
{
    adding->errors++;
    if (adding->errors > FAILURES_TOLD)
        return VDT_OK;
    const char *code = reason->status == VDT_ERR_NOT_FOUND ? "NotFound" : "BadRequest";
    json_t *failure =
        json_pack("{s:I, s:o, s:s, s:o}", "record", (json_int_t)number, "sample",
                  sample == NULL ? json_null() : json_string(sample), "code", code, "description",
                  json_sprintf("record %" PRIu64 ": %s", number, reason->message));
    return json_array_append_new(adding->failures, failure) == 0
               ? VDT_OK
               : vdt_fail_memory(error, "predictions");
}

static void free_set(struct vdt_annotations **set)
{
    vdt_annotations_free(*set);
}

/* The next records, as many as a batch has; VDT_END behind the last, of which there may be some. */
static vdt_status read_batch(struct adding *adding, struct vdt_error *error)
{
    size_t bytes = 0;
    const struct vdt_annotations_options in_memory = {0};
    vdt_cleanup(free_set) struct vdt_annotations *scratch = NULL;
    vdt_status status = vdt_annotations_open(&in_memory, &scratch, error);
    if (status != VDT_OK)
        return status;
    clear_items(adding);
    while (adding->count < BATCH && bytes < BATCH_BYTES) {
        const char *text = NULL;
        size_t size = 0;
        struct vdt_error reason = {.status = VDT_OK};
        struct item *item = &adding->items[adding->count];
        status = vdt_record_next(&adding->text, &text, &size, error);
        if (status != VDT_OK)
            break;
        bytes += size;
        *item = (struct item){.number = adding->text.number};
        vdt_status read = vdt_prediction_record_read(text, size, &adding->work->rules, scratch,
                                                     &item->record, &reason);
        if (read == VDT_OK) {
            adding->count++;
            continue;
        }
        status = read == VDT_ERR_MEMORY
                     ? vdt_fail_memory(error, "predictions")
                     : add_failure(adding, item->number, item->record.sample, &reason, error);
        vdt_prediction_record_clear(&item->record);
        if (status != VDT_OK)
            break;
    }
    return status;
}

static vdt_status add_item(struct adding *adding, struct vdt_session *session,
                           const struct item *item, struct vdt_meta_run_change *change,
                           struct vdt_error *error)
{
    struct vdt_error reason = {.status = VDT_OK};
    const struct vdt_records_work *work = adding->work;
    const struct vdt_prediction_record *record = &item->record;
    vdt_status status = work->add(work->payload, session, record, adding->update, change, error);
    if (status != VDT_END)
        return status;
    (void)vdt_fail(&reason, VDT_ERR_NOT_FOUND, "the %s has no sample %.200s", work->whose,
                   record->sample);
    return add_failure(adding, item->number, record->sample, &reason, error);
}

static void sum(struct vdt_meta_run_change *all, const struct vdt_meta_run_change *one)
{
    all->processed += one->processed;
    all->updated += one->updated;
    all->ignored += one->ignored;
    all->marked += one->marked;
    all->bytes += one->bytes;
}

/* A batch is one transaction. VDT_END: it has replied. */
static vdt_status add_batch(struct adding *adding, struct vdt_error *error)
{
    struct vdt_server *server = vdt_request_server(adding->request);
    const struct vdt_records_work *work = adding->work;
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    struct vdt_meta_run_change change = {0};
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = work->begin(work->payload, session, error);
    for (size_t i = 0; status == VDT_OK && i < adding->count; i++)
        status = add_item(adding, session, &adding->items[i], &change, error);
    if (status == VDT_OK)
        status = work->end(work->payload, session, &change, error);
    vdt_failpoint(server->options.root, work->failpoint);
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    if (status == VDT_OK)
        sum(&adding->change, &change);
    return status;
}

static void reply_counts(struct adding *adding)
{
    const struct vdt_records_work *work = adding->work;
    json_t *answer = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:O, s:I, s:I}", "processed",
        (json_int_t)adding->change.processed, "updated", (json_int_t)adding->change.updated,
        "ignored", (json_int_t)adding->change.ignored, "marked", (json_int_t)adding->change.marked,
        "errors", (json_int_t)adding->errors, "failures", adding->failures, work->totals[0].name,
        (json_int_t)*work->totals[0].value, work->totals[1].name,
        (json_int_t)*work->totals[1].value);
    vdt_reply_json(adding->request, 200, answer);
}

static bool read_update(struct vdt_request *request, bool *update)
{
    const char *text = vdt_request_query(request, "update");
    *update = text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
    if (text == NULL || *update || strcmp(text, "0") == 0 || strcmp(text, "false") == 0)
        return true;
    vdt_reply_error(request, 400, "BadRequest", "update: is 0 or 1");
    return false;
}

void vdt_records_handle(struct vdt_request *request, const struct vdt_records_work *work)
{
    struct vdt_error error = {.status = VDT_OK};
    const struct spool *spool = vdt_request_state(request);
    vdt_cleanup(vdt_free_pointer) struct adding *adding = calloc(1, sizeof *adding);
    bool update = false;
    if (spool == NULL || spool->size == 0) {
        vdt_reply_error(request, 400, "BadRequest", "the request has no body; records are wanted");
        return;
    }
    if (!read_update(request, &update))
        return;
    if (adding == NULL) {
        vdt_reply_error(request, 503, "Busy", "out of memory");
        return;
    }
    adding->request = request;
    adding->work = work;
    adding->update = update;
    adding->text = (struct vdt_record_text){.form = spool->form, .fd = spool->fd};
    adding->failures = json_array();
    vdt_status status;
    do {
        status = read_batch(adding, &error);
        /* What came before a place that cannot be read counts. */
        vdt_status added = adding->count > 0 ? add_batch(adding, &error) : VDT_OK;
        status = added == VDT_OK ? status : added;
    } while (status == VDT_OK);
    if (status == VDT_ERR_FORMAT && adding->text.number > 0 && !vdt_replied(request))
        status = add_failure(adding, adding->text.number, NULL, &error, &error) == VDT_OK ? VDT_END
                                                                                          : status;
    if (status == VDT_END && !vdt_replied(request))
        reply_counts(adding);
    else if (status < 0)
        vdt_reply_failure(request, &error);
    clear_adding(adding);
}
