/* Evaluations: a run (or a file of predictions) against labels -> one document of JSON with scores,
 * curves, confusions, slices and the samples that are worst, and a page of HTML made of that.
 *
 * What is compared is a store with one of its runs, or a file of ground truth with a file of
 * predictions and no store at all. The same input and the same options give the same document,
 * byte by byte, whatever the number of threads. schemas/evaluation.schema.json has its members.
 *
 * All calls may be made from any thread; one evaluation belongs to one thread at a time. */
#ifndef VEDATILE_EVALUATION_H
#define VEDATILE_EVALUATION_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_evaluation;

/* Zero means the default everywhere. All pointers are borrowed for the call that takes the struct.
 * Words are those of the document's "parameters". */
struct vdt_evaluate_options {
    /* A store and one of its runs ... */
    const char *store;  /* path */
    const char *run;    /* name of a run of the store, committed */
    const char *labels; /* name of an annotation set of the store; NULL: the labels of the store */
    const char *group;  /* NULL: the run's group, or all samples that it is about */
    const char *view;   /* a view of the store; not together with group */
    /* ... or files, without a store. */
    const char *ground_truth; /* COCO JSON or an annotation set */
    const char *predictions;  /* COCO result JSON or a run's file */

    const char *task;      /* "detection", "instance", "classification", "segmentation"; NULL: all
                              that the run and the labels have */
    const char *protocol;  /* of detection: "coco" (default), "valor", "voc07", "voc12", "dota" */
    const char *iou;       /* "bbox", "segm", "rotated", "polygon"; NULL: the narrowest that both
                              sides have */
    const char *label_key; /* NULL: "class" for objects, every key for labels of whole samples */
    const char *label_map; /* JSON text: {"car": "vehicle", ...}; both sides are renamed by it */

    const double *iou_thresholds; /* NULL: the protocol's */
    size_t iou_threshold_count;
    const uint32_t *max_detections; /* rising; NULL: the protocol's; coco 1, 10, 100 */
    size_t max_detection_count;
    double score_threshold; /* of single samples, the confusion matrix, multi-label classification
                               and predictions that are burnt into class rasters: lower ones do not
                               count there. 0: the score with the best F1; multi-label and burnt
                               0.5. Average precision has none */
    bool class_agnostic;    /* boxes of all classes as one class */
    bool predicted_only;    /* leave out samples that the run has not predicted; otherwise they
                               count as predicted with nothing, and a warning says so */
    bool multi_label; /* classification: every score at or above the threshold is a prediction;
                         otherwise the best one is */

    const char *by;      /* slices: a field of the samples, of their metadata, "scene", "group",
                            "view", "class", or "region" ("region:FIELD" where the names of
                            regions are not in their field "name") */
    const char *regions; /* file of named polygons for "region": GeoJSON, GeoPackage ... */
    bool ground;         /* objects are merged over tiles and compared on the ground */
    /* How, with `ground` only: */
    double ground_overlap;     /* two predictions of neighbouring tiles are one object from this IoU
                                  on, of what both tiles see or along their border, and where a
                                  border cuts one, from this share of the smaller one on; 0: 0.5; at
                                  most 1 */
    const char *ground_scores; /* of an object of several predictions: "highest" (default), or
                                  "mean", weighted by area */
    const char *ground_cut;    /* ground truth that reaches the edge of the ground that tiles cover:
                                  "count" (default), or "ignore" */
    double ground_min_visible; /* ground truth of which tiles show less than this share of its area
                                  is ignored, 0 to 1; 0: none is. Of the store's own labels */
    const char *ignore_areas;  /* file of polygons, GeoJSON, GeoPackage ...: ground that does not
                                  count, as pixels that the store's masks ignore. Predictions that
                                  lie in it to the share of the IoU threshold do not count, unless
                                  they find something (half of it is enough for protocols that know
                                  no crowds, whatever they find); nor does ground truth of which half
                                  lies there; nor do pixels */

    uint32_t bootstrap;       /* resamplings for confidence intervals; 0: none */
    const char *bootstrap_by; /* draw whole parts of the samples: words as those of `by`, but class,
                                 view and region; NULL: single samples */
    uint64_t seed;
    uint32_t worst;    /* samples to list, worst first; 0: 10 */
    uint32_t examples; /* objects of each class to list that are found, wrong and missed; 0: 3 */

    const char *baseline; /* another run of the store, or another file of predictions: the document
                             then has "comparison", this one less that one */

    uint32_t threads; /* 0: one per core */
    /* From the calling thread; may be NULL. `step` says what begins: "reading", "matching",
     * "pixels"
     * ...; `progress` how far it is, of steps that can be counted, and may stop them all: its
     * counts begin anew with each step, and 0 of 0 is a step that is not counted. */
    void (*step)(const char *name, void *payload);
    vdt_progress_fn progress;
    void *payload;
};

/* Scores the run. Options are looked at before anything large is read. VDT_ERR_NOT_FOUND names the
 * run, group, set or field that is missing; VDT_ERR_MISMATCH when the two sides are of different
 * samples. On success *evaluation belongs to the caller. */
VDT_API VDT_CHECKED vdt_status vdt_evaluate(const struct vdt_evaluate_options *options,
                                            struct vdt_evaluation **evaluation,
                                            struct vdt_error *error);

/* Accepts NULL. Pointers borrowed from the evaluation end here. */
VDT_API void vdt_evaluation_free(struct vdt_evaluation *evaluation);

/* The whole document; borrowed. */
VDT_API const char *vdt_evaluation_json(const struct vdt_evaluation *evaluation);

/* One number of a document by its name: "mAP", "AP50", "class:car:AP", "accuracy", "miou", with the
 * task in front where several tasks have it: "segmentation/accuracy". NaN where the document has
 * null. VDT_ERR_NOT_FOUND lists names that there are. */
VDT_API VDT_CHECKED vdt_status vdt_evaluation_metric(const struct vdt_evaluation *evaluation,
                                                     const char *name, double *value,
                                                     struct vdt_error *error);

/* Options as JSON, which is what servers and scripts have: an object with members named as those of
 * the struct. *options belongs to the caller, release with vdt_evaluate_options_free; what the text
 * does not have is zero. VDT_ERR_ARGUMENT names the member that is unknown or wrong. */
VDT_API VDT_CHECKED vdt_status vdt_evaluate_options_read(const char *json,
                                                         struct vdt_evaluate_options **options,
                                                         struct vdt_error *error);
/* Accepts NULL. */
VDT_API void vdt_evaluate_options_free(struct vdt_evaluate_options *options);

/* Which picture of a sample the page asks for. */
enum vdt_evaluation_picture {
    VDT_EVALUATION_TILE = 0, /* the tile as it is */
    VDT_EVALUATION_TRUTH,    /* the tile with the mask of the labels */
    VDT_EVALUATION_PREDICTED /* the tile with the mask of the run */
};

/* Where pictures of the page come from. */
struct vdt_evaluation_page {
    const char *title; /* NULL: the run's name */
    /* Says what an <img> shall have as its source: an address or a data: URL, owned by the page
     * from then on (malloc), or NULL for no picture. May be NULL: no pictures. `sample` is the
     * reference, `group` and `index` the place in the store ("" and 0 without one). */
    char *(*picture)(const char *sample, const char *group, uint64_t index,
                     enum vdt_evaluation_picture which, void *payload);
    void *payload;
    /* What the classes of segmentation look like in pictures of masks, for the legend: "#rrggbb"
     * by class; borrowed. NULL: no legend. */
    const char *const *colours;
    size_t colour_count;
};

/* One self-contained page of a document, the text of vdt_evaluation_json: tables, curves, confusion
 * matrix and the worst samples, with nothing from the network but what `picture` names. Every text
 * of the document is escaped. *html belongs to the caller: free(). */
VDT_API VDT_CHECKED vdt_status vdt_evaluation_html(const char *document,
                                                   const struct vdt_evaluation_page *page,
                                                   char **html, struct vdt_error *error);

VDT_END_DECLS
#endif
