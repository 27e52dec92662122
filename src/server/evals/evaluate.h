/* An evaluation from the server's side: which bytes a confined worker gets, and what is taken of
 * its answer. */
#ifndef SERVER_EVALS_EVALUATE_H
#define SERVER_EVALS_EVALUATE_H

#include "base/json.h"
#include "server/meta/evaluations.h"

struct vdt_server;

/* {0} is empty. */
struct vdt_evaluated {
    char *document;                 /* canonical JSON; owned */
    struct vdt_job_metric *metrics; /* owned, and their names */
    size_t metric_count;
};
void vdt_evaluated_clear(struct vdt_evaluated *result);

/* VDT_ERR_BUSY: not now, and it is not the job's fault. Other failures are what the job fails
 * with. */
vdt_status vdt_server_evaluate(struct vdt_server *server, const struct vdt_job_row *job,
                               struct vdt_evaluated *result, struct vdt_error *error);

#endif
