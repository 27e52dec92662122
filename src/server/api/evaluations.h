/* What asking for an evaluation takes. */
#ifndef SERVER_API_EVALUATIONS_H
#define SERVER_API_EVALUATIONS_H

#include "server/meta/runs.h"

/* `parameters` of a request as canonical JSON: options of vdt_evaluate without those that name
 * files. NULL and null are {}. *text is owned. VDT_ERR_ARGUMENT names the member. */
vdt_status vdt_evaluation_parameters(const json_t *wish, char **text, struct vdt_error *error);

/* Where the parameters name annotations as labels, the set's revision is said too ("roofs@7"), so
 * that other labels are another evaluation. VDT_ERR_NOT_FOUND: the run's entry has no such set;
 * VDT_ERR_MISMATCH: it has another revision than the one asked for. */
vdt_status vdt_evaluation_pin_labels(struct vdt_session *session, const struct vdt_meta_run *run,
                                     char **parameters, struct vdt_error *error);

#endif
