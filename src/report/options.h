/* Options of an evaluation and their words. */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include <vedatile/evaluation.h>

#include "base/json.h"

/* The document's "parameters": every option but what the evaluation is of, null for defaults. New
 * reference. */
json_t *vdt_options_document(const struct vdt_evaluate_options *options);

#endif
