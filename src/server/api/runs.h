/* What the routes of runs share. */
#ifndef SERVER_API_RUNS_H
#define SERVER_API_RUNS_H

#include "server/api/answer.h"
#include "server/meta/predictions.h"

/* The run of {id}; `change`: for who may change it. *run is cleared by the caller in any case. */
vdt_status vdt_api_run_find(struct vdt_request *request, struct vdt_session *session, bool change,
                            struct vdt_meta_run *run, struct vdt_error *error);

/* The same, and it is open: else it has replied with 409 RunCommitted, VDT_END. */
vdt_status vdt_api_run_open(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_meta_run *run, struct vdt_error *error);

/* What ?by= says of {reference}. */
vdt_status vdt_api_sample_by(struct vdt_request *request, enum vdt_sample_by *by,
                             struct vdt_error *error);

/* The sample of {reference}, which is what ?by= says: its key, its index, or its number. */
vdt_status vdt_api_run_sample(struct vdt_request *request, struct vdt_session *session,
                              const struct vdt_meta_run *run, struct vdt_meta_run_sample *sample,
                              struct vdt_error *error);

/* The sample and what is predicted on it, as the answer. */
vdt_status vdt_api_run_sample_answer(struct vdt_session *session, const struct vdt_meta_run *run,
                                     const struct vdt_meta_run_sample *sample,
                                     struct vdt_answer *answer, struct vdt_error *error);

/* A row of the audit log about a run. */
vdt_status vdt_api_run_note(struct vdt_request *request, struct vdt_session *session,
                            const char *action, const struct vdt_meta_run *run, int result,
                            struct vdt_error *error);

/* POST /v1/runs/{id}/predictions: its body is long. */
void vdt_handle_predictions(struct vdt_request *request);
extern const struct vdt_body_ops vdt_predictions_body;

/* PUT and GET of a sample's class raster, which is held in memory while it comes. */
enum { VDT_RASTER_BODY_MOST = 64 << 20 };
void vdt_handle_put_raster(struct vdt_request *request);
void vdt_handle_get_raster(struct vdt_request *request);
extern const struct vdt_body_ops vdt_raster_body;

/* POST /v1/runs/{id}/commit */
void vdt_handle_run_commit(struct vdt_request *request);

#endif
