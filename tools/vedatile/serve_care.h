/* What serve does with a catalog's folder besides serving it: proof, backup, restore. */
#ifndef TOOL_SERVE_CARE_H
#define TOOL_SERVE_CARE_H

#include "serve_options.h"

/* Exit codes. */
int serve_check(const struct serve_values *values);
int serve_backup(const struct serve_values *values);
int serve_restore(const struct serve_values *values);

#endif
