/* Bodies of records: predictions of a run, annotations of an entry. */
#ifndef SERVER_API_RECORDS_H
#define SERVER_API_RECORDS_H

#include "server/api/prediction_record.h"
#include "server/meta/predictions.h"
#include "server/net/reply.h"

enum { VDT_RECORDS_MOST_GIB = 4 };
#define VDT_RECORDS_MOST ((uint64_t)VDT_RECORDS_MOST_GIB << 30)

/* What a body is taken with: application/json of an array, or lines. False: it has replied. */
bool vdt_records_start(struct vdt_request *request);
bool vdt_records_take(struct vdt_request *request, const void *bytes, size_t size);

/* Where the records go. Each batch is begun, filled and ended in a session of its own. */
struct vdt_records_work {
    struct vdt_record_rules rules;
    const char *whose;     /* "run" */
    const char *failpoint; /* before a batch is committed */
    /* VDT_END: it has replied. */
    vdt_status (*begin)(void *payload, struct vdt_session *session, struct vdt_error *error);
    /* VDT_END: there is no such sample. */
    vdt_status (*add)(void *payload, struct vdt_session *session,
                      const struct vdt_prediction_record *record, bool update,
                      struct vdt_meta_run_change *change, struct vdt_error *error);
    vdt_status (*end)(void *payload, struct vdt_session *session,
                      const struct vdt_meta_run_change *change, struct vdt_error *error);
    void *payload;
    struct {
        const char *name;
        const int64_t *value;
    } totals[2]; /* that the answer ends with */
};

/* Adds what was taken, and replies. */
void vdt_records_handle(struct vdt_request *request, const struct vdt_records_work *work);

#endif
