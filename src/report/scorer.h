/* One task of an evaluation, scored: what slices, intervals, comparisons and lists of samples need
 * of it, whatever the task is. A unit is what has a weight: a sample, or on the ground the objects
 * that lie together. */
#ifndef REPORT_SCORER_H
#define REPORT_SCORER_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/json.h"
#include "report/sides.h"

/* Owns what it points to. */
struct vdt_scorer {
    const char *task;      /* word of the document; static */
    const char *direction; /* what `unit_scores` are: "f1", "accuracy"; static */
    json_t *about;         /* the task's part of the document but metrics, slices and samples */
    char **names;          /* [value_count] "AP", ..., "class:car:AP" */
    size_t value_count;
    size_t metric_count; /* the first of them are about all classes */
    bool on_ground;      /* units are no samples */
    uint32_t unit_count;
    uint32_t *weights;   /* [unit_count] of the whole evaluation */
    double *unit_scores; /* [unit_count] higher is better; NaN: nothing to tell */
    double
        *unit_errors; /* [unit_count] how much is wrong, which orders equal scores; may be NULL */

    void *state;
    void (*free_state)(void *state);
    /* All values for other weights; NaN where there is nothing to tell. Any thread. */
    vdt_status (*score)(const void *state, const uint32_t *weights, double *values,
                        struct vdt_error *error);
    /* What a sample has, for its picture: adds members to `object`. May be NULL. */
    vdt_status (*describe)(const void *state, const struct vdt_sides *sides, uint32_t unit,
                           json_t *object, struct vdt_error *error);
};

/* Accepts NULL in all members. */
void vdt_scorer_clear(struct vdt_scorer *scorer);

/* Adds a name; false when memory is out. */
bool vdt_scorer_name(struct vdt_scorer *scorer, const char *format, ...) VDT_PRINTF(2, 3);

#endif
