/* Metrics that must be reached: --fail-under. */
#ifndef TOOL_EVAL_LIMITS_H
#define TOOL_EVAL_LIMITS_H

#include <stdbool.h>
#include <vedatile/evaluation.h>

#include "options.h"

/* True when an item is not METRIC=NUMBER; a line on stderr says which. */
bool eval_limits_wrong(const struct words *limits);

/* One line on stderr names all that are missed. Returns an exit code. */
int eval_limits_check(const struct words *limits, const struct vdt_evaluation *evaluation);

#endif
