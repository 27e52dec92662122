/* What asking for an evaluation takes. */
#ifndef SERVER_API_EVALUATIONS_H
#define SERVER_API_EVALUATIONS_H

#include "base/json.h"

/* `parameters` of a request as canonical JSON: options of vdt_evaluate without those that name
 * files. NULL and null are {}. *text is owned. VDT_ERR_ARGUMENT names the member. */
vdt_status vdt_evaluation_parameters(const json_t *wish, char **text, struct vdt_error *error);

#endif
