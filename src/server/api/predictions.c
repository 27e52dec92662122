/* POST /v1/runs/{id}/predictions */
#include "server/meta/predictions.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/records.h"
#include "server/api/runs.h"
#include "server/meta/quota.h"
#include "server/meta/rasters.h"
#include "server/net/route.h"
#include "server/server.h"

/* Whether the caller may add to the run, before the body is read. */
static bool start(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = vdt_api_run_open(request, session, &run, &error);
    if (status < 0)
        vdt_reply_failure(request, &error);
    return status == VDT_OK && vdt_records_start(request);
}

const struct vdt_body_ops vdt_predictions_body = {.start = start, .data = vdt_records_take};

struct predicting {
    struct vdt_request *request;
    struct vdt_meta_run run;        /* of the batch at hand */
    int64_t predicted, predictions; /* of the run now */
};

static vdt_status begin(void *payload, struct vdt_session *session, struct vdt_error *error)
{
    struct predicting *predicting = payload;
    vdt_meta_run_clear(&predicting->run);
    predicting->run = (struct vdt_meta_run){0};
    /* Somebody else may have committed it meanwhile. */
    return vdt_api_run_open(predicting->request, session, &predicting->run, error);
}

static vdt_status add(void *payload, struct vdt_session *session,
                      const struct vdt_prediction_record *record, bool update,
                      struct vdt_meta_run_change *change, struct vdt_error *error)
{
    const struct predicting *predicting = payload;
    const struct vdt_meta_run *run = &predicting->run;
    int64_t number = 0;
    vdt_status status = vdt_meta_run_sample_number(session, run, record->sample, &number, error);
    if (status != VDT_OK)
        return status;
    return record->id == NULL ? vdt_meta_run_mark(session, run->id, number, change, error)
                              : vdt_meta_run_predict(session, run->id, number, record->id,
                                                     record->document, update, change, error);
}

static vdt_status end(void *payload, struct vdt_session *session,
                      const struct vdt_meta_run_change *change, struct vdt_error *error)
{
    struct predicting *predicting = payload;
    const struct vdt_meta_run *run = &predicting->run;
    vdt_status status =
        change->bytes > 0 ? vdt_quota_bytes(session, run->owner, change->bytes, error) : VDT_OK;
    predicting->predicted = run->predicted + change->marked;
    predicting->predictions = run->predictions + change->processed;
    return status == VDT_OK ? vdt_meta_run_count(session, run->id, change, error) : status;
}

/* What the shapes of all records must be like. */
static vdt_status read_rules(struct vdt_request *request, struct vdt_record_rules *rules,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    struct vdt_meta_tile tile = {0};
    vdt_status status = vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_api_run_open(request, session, &run, error);
    if (status == VDT_OK)
        status = vdt_meta_run_tile(session, &run, &tile, error);
    json_decref(tile.info);
    *rules = (struct vdt_record_rules){.scored = true, .rows = tile.rows, .cols = tile.cols};
    return status;
}

void vdt_handle_predictions(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    struct predicting predicting = {.request = request};
    struct vdt_records_work work = {
        .whose = "run",
        .failpoint = "predictions.before-commit",
        .begin = begin,
        .add = add,
        .end = end,
        .payload = &predicting,
        .totals = {{"predicted", &predicting.predicted}, {"predictions", &predicting.predictions}},
    };
    vdt_status status = read_rules(request, &work.rules, &error);
    if (status == VDT_OK)
        vdt_records_handle(request, &work);
    else if (status < 0)
        vdt_reply_failure(request, &error);
    vdt_meta_run_clear(&predicting.run);
}
