/* Evaluations of committed runs: jobs, and what came of them. */
#ifndef SERVER_META_EVALUATIONS_H
#define SERVER_META_EVALUATIONS_H

#include "server/meta/runs.h"

enum vdt_job_state { VDT_JOB_PENDING, VDT_JOB_RUNNING, VDT_JOB_DONE, VDT_JOB_FAILED };

enum {
    VDT_JOB_ATTEMPTS_MOST = 3,   /* a job that the server never survives ends as failed */
    VDT_JOBS_OF_USER_MOST = 1000 /* that are pending */
};

/* Asks for an evaluation of a committed run; the same run and parameters (canonical JSON) are the
 * same evaluation, and `fresh` says whether it is new. One that failed begins again for `retry`.
 * VDT_ERR_FULL: too many of the caller's are pending. */
vdt_status vdt_evaluation_ask(struct vdt_session *session, int64_t user,
                              const struct vdt_meta_run *run, const char *parameters, bool retry,
                              char slug[VDT_SLUG_SIZE + 1], bool *fresh, struct vdt_error *error);

struct vdt_evaluation_row {
    int64_t id, owner;
    enum vdt_job_state state;
    enum vdt_access access; /* the caller's, to the run's entry */
    int64_t run_owner;
    char slug[VDT_SLUG_SIZE + 1];
    char run_slug[VDT_SLUG_SIZE + 1];
    char entry_slug[VDT_SLUG_SIZE + 1];
    char *run_name; /* owned */
};
void vdt_evaluation_row_clear(struct vdt_evaluation_row *row);

/* VDT_ERR_NOT_FOUND: there is none, or the caller may not see it. `change`: for who asked, the
 * run's maker and who may write to the entry, else VDT_ERR_DENIED. *row is cleared by the caller in
 * any case. */
vdt_status vdt_evaluation_find(struct vdt_session *session, const struct vdt_caller *caller,
                               const char *slug, bool change, struct vdt_evaluation_row *row,
                               struct vdt_error *error);

/* The row as JSON, with `document` where that is asked for; new reference. */
vdt_status vdt_evaluation_json_of(struct vdt_session *session, const char *base, int64_t id,
                                  bool document, json_t **json, struct vdt_error *error);

/* The document's text, owned. VDT_ERR_MISMATCH while it is not done. */
vdt_status vdt_evaluation_text(struct vdt_session *session, const struct vdt_evaluation_row *row,
                               char **text, struct vdt_error *error);

/* VDT_ERR_MISMATCH while it runs. */
vdt_status vdt_evaluation_remove(struct vdt_session *session, const struct vdt_evaluation_row *row,
                                 struct vdt_error *error);

struct vdt_evaluations_query {
    const char *run, *model, *entry, *state; /* NULL: any */
    const char *metric;                      /* to sort by; NULL: the newest first */
    bool falling;
    bool has_after;
    double after_value; /* of the metric */
    int64_t after;      /* id */
    int limit;
};

/* Up to `limit` documents without their `document`; sorted by a metric, those that have it. *last
 * and *value are of the last one. New reference. */
vdt_status vdt_evaluation_list(struct vdt_session *session, const struct vdt_caller *caller,
                               const char *base, const struct vdt_evaluations_query *query,
                               json_t **documents, int64_t *last, double *value, bool *more,
                               struct vdt_error *error);

/* --- as jobs ---------------------------------------------------------------------------------- */

struct vdt_job_row {
    int64_t id, run;
    char slug[VDT_SLUG_SIZE + 1];
    char *parameters; /* owned */
};

/* The oldest pending one, which is running then. VDT_END: there is none. */
vdt_status vdt_job_take(struct vdt_session *session, struct vdt_job_row *job,
                        struct vdt_error *error);

struct vdt_job_metric {
    const char *name;
    double value;
};

/* Ends a running job. VDT_END: it is not there any more, or another's. */
vdt_status vdt_job_done(struct vdt_session *session, int64_t id, const char *document,
                        const struct vdt_job_metric *metrics, size_t count,
                        struct vdt_error *error);
vdt_status vdt_job_failed(struct vdt_session *session, int64_t id, const char *message,
                          struct vdt_error *error);
/* Not its fault: pending again, and that was no attempt. */
vdt_status vdt_job_put_back(struct vdt_session *session, int64_t id, struct vdt_error *error);

/* Those that ran when the server ended: pending again, or failed after too many attempts. */
vdt_status vdt_jobs_recover(struct vdt_session *session, struct vdt_error *error);

#endif
