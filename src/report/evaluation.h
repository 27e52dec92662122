/* The evaluation itself: a document that tasks fill. */
#ifndef REPORT_EVALUATION_H
#define REPORT_EVALUATION_H

#include <stdlib.h>
#include <vedatile/evaluation.h>

#include "base/json.h"

struct vdt_evaluation {
    json_t *document;
    char *text;
};

#endif
