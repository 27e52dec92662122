/* Options of an evaluation and their words. */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include <vedatile/evaluation.h>

#include "base/json.h"

#endif
