/* What is made of a scored task by weights alone: values, slices, intervals, comparisons, samples.
 */
#ifndef REPORT_RESAMPLE_H
#define REPORT_RESAMPLE_H

#include "report/scorer.h"

/* "metrics" and "reasons" of a task or a slice: values by name, of classes too where `classes`. */
vdt_status vdt_values_document(const struct vdt_scorer *scorer, const double *values, bool classes,
                               json_t *object, struct vdt_error *error);

/* Values of many replicates: [count][value_count]; `other` (may be NULL) is scored with the same
 * weights and taken off, name by name, NaN where it has no such name. `known` (may be NULL) are
 * these values without `other`, which need not be made again. *values is owned. Equal for any
 * number of threads. */
vdt_status vdt_bootstrap_values(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                const double *known, const struct vdt_sides *sides, double **values,
                                struct vdt_error *error);

/* {"AP": {"low":, "high":, "deviation":}, ...} of such values. */
vdt_status vdt_intervals_document(const struct vdt_scorer *scorer, const double *values,
                                  uint64_t count, bool differences, json_t **document,
                                  struct vdt_error *error);

/* The worst units as a list of samples. */
vdt_status vdt_worst_document(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                              json_t **document, struct vdt_error *error);

/* One task less the same task of another run; `known` as above. */
vdt_status vdt_comparison_document(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                   const double *known, const struct vdt_sides *sides,
                                   json_t **document, struct vdt_error *error);

/* Slices by the options' field; *document a list. */
vdt_status vdt_slices_document(const struct vdt_scorer *scorer, struct vdt_sides *sides,
                               json_t **document, struct vdt_error *error);

#endif
