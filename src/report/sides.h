/* The two sides of an evaluation, and the samples that they have in common: labels from a store, an
 * annotation set or COCO's JSON, predictions from a run or COCO's results. */
#ifndef REPORT_SIDES_H
#define REPORT_SIDES_H

#include <vedatile/annotations.h>
#include <vedatile/coco.h>
#include <vedatile/evaluation.h>
#include <vedatile/run.h>
#include <vedatile/store.h>

#include "base/json.h"
#include "report/evaluation.h"

enum { VDT_NO_SAMPLE = UINT32_MAX };

struct vdt_side_sample {
    char *reference;     /* owned */
    const char *group;   /* of the store; "" without one */
    size_t store_group;  /* its number */
    uint64_t index;      /* in the group */
    uint32_t truth;      /* sample of the truth, VDT_NO_SAMPLE: not known there */
    uint32_t predicted;  /* sample of the predictions, likewise */
    bool labelled;       /* somebody looked at it */
    bool has_prediction; /* predicted, if only with nothing */
};

/* Owns what it points to. Samples are in the order of the store, of the set or of COCO's ids. */
struct vdt_sides {
    const struct vdt_evaluate_options *options; /* borrowed */
    const char *predictions;                    /* name of the run, or the file; borrowed */
    struct vdt_reader *reader;                  /* NULL: no store */
    struct vdt_annotations *truth;              /* NULL: COCO, or a store of masks only */
    struct vdt_run_reader *run;                 /* NULL: COCO */
    struct vdt_annotations *predicted;          /* the run's; NULL: COCO */
    struct vdt_coco *truth_coco;                /* both or none */
    struct vdt_coco *result_coco;
    struct vdt_side_sample *samples;
    uint32_t sample_count;
    uint32_t *weights; /* [sample_count + 1]: 1 counts; the last is for objects of no sample: 0 */
    uint64_t counted, unpredicted, unlabelled, unknown; /* unknown: predicted, not in the truth */
    json_t *warnings;
};

/* On failure there is nothing to clear. `predictions` is the run's name or the file; NULL: the
 * options'. */
vdt_status vdt_sides_open(const struct vdt_evaluate_options *options, const char *predictions,
                          struct vdt_sides *sides, struct vdt_error *error);
/* The same of what is open already; all are taken. */
vdt_status vdt_sides_of(const struct vdt_evaluate_options *options,
                        const struct vdt_opened_sides *opened, struct vdt_sides *sides,
                        struct vdt_error *error);
void vdt_sides_clear(struct vdt_sides *sides);

/* "samples", "inputs" of the document; NULL: memory is out. */
json_t *vdt_sides_samples(const struct vdt_sides *sides);
json_t *vdt_sides_inputs(const struct vdt_sides *sides);
json_t *vdt_sides_run(const struct vdt_sides *sides); /* the part of it about predictions */

/* Adds a line of text to the warnings. */
void vdt_sides_warn(struct vdt_sides *sides, const char *format, ...) VDT_PRINTF(2, 3);

#endif
