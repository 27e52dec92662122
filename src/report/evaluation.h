/* The evaluation itself: a document that tasks fill. */
#ifndef REPORT_EVALUATION_H
#define REPORT_EVALUATION_H

#include <stdlib.h>
#include <vedatile/evaluation.h>

#include "base/json.h"

struct vdt_annotations;
struct vdt_reader;
struct vdt_run_reader;

/* A store and a run of it that are open already, for a process that can open nothing. */
struct vdt_opened_sides {
    struct vdt_reader *reader;
    struct vdt_run_reader *run;
    struct vdt_annotations *labels; /* NULL: the store's own */
};

/* vdt_evaluate of these instead of `store` and `run`, which are not looked at. All are taken,
 * whatever happens. */
vdt_status vdt_evaluate_opened(const struct vdt_evaluate_options *options,
                               const struct vdt_opened_sides *opened,
                               struct vdt_evaluation **evaluation, struct vdt_error *error);

/* Tells the caller that a step begins. VDT_ERR_CANCELLED when it wants no more. */
vdt_status vdt_evaluate_step(const struct vdt_evaluate_options *options, const char *name,
                             struct vdt_error *error);

/* And how far it is. */
vdt_status vdt_evaluate_progress(const struct vdt_evaluate_options *options, uint64_t done,
                                 uint64_t total, struct vdt_error *error);

struct vdt_evaluation {
    json_t *document;
    char *text;
};

#endif
