/* vedatile check --leakage: proves that no ground is in two groups. */
#ifndef TOOL_LEAKAGE_H
#define TOOL_LEAKAGE_H

#include <stddef.h>

#include "progress.h"

/* Prints what was found; returns an exit code. */
int leakage_check(const char *const *stores, size_t count, double gap, enum progress_mode progress,
                  bool json);

#endif
