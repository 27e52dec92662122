/* vedatile check --leakage: proves that no ground is in two groups. */
#ifndef TOOL_LEAKAGE_H
#define TOOL_LEAKAGE_H

#include <stddef.h>

#include "options.h"
#include "progress.h"

struct leakage_wish {
    double gap;
    const struct words *views; /* in place of groups, if there are any */
    bool folds;
    bool json;
};

/* Prints what was found; returns an exit code. */
int leakage_check(const char *const *stores, size_t count, const struct leakage_wish *wish,
                  enum progress_mode progress);

#endif
