/* Stores grouped anew, folds, and the proof that neither leaks: which ground groups share. */
#ifndef VEDATILE_SPLIT_H
#define VEDATILE_SPLIT_H

#include "vedatile/error.h"
#include "vedatile/feed.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

/* --- grouping anew ------------------------------------------------------------------------ */

enum { VDT_FOLDS_MOST = 64 };

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_split_options {
    const char *store;  /* required: where the samples are */
    const char *output; /* the store to make, which must not be there; NULL: only folds, as views
                           of `store` */
    const struct vdt_split_share *split; /* none: the output's groups are those of the store */
    size_t split_count;
    enum vdt_split_by split_by; /* of the split and of folds; folds by time there are not */
    const char *split_field;    /* of VDT_SPLIT_FIELD: a member of the samples' metadata, of text, a
                                   number or a list of these; samples without it are left out, and
                                   those with values of two groups */
    const struct vdt_split_period *split_periods; /* of VDT_SPLIT_TIME, in place of `split` */
    size_t split_period_count;
    double block_size; /* metres, rounded to whole strides; 0: chosen */
    double split_gap;  /* metres that groups are apart at least, and test and train of a
                          fold; needs VDT_SPLIT_BLOCK */
    uint64_t seed;
    bool stratify;     /* units (blocks, scenes, samples) are given to groups or folds so that each
                          class has its share in each, as near as the units allow; no later feed can
                          follow such a split */
    uint32_t folds;    /* 2 to VDT_FOLDS_MOST: views fold_1_train, fold_1_test, ...; 0: none */
    const char *group; /* of the samples of the folds; NULL: train, or the only one */
    bool verify;       /* decode what is copied and compare it with its checksums */
    bool dry_run;      /* write nothing */
    uint32_t threads;  /* 0: one per core */
    vdt_progress_fn progress; /* done and total in samples copied; may be NULL */
    void *payload;
};

struct vdt_split_report {
    uint64_t samples;       /* in the store */
    uint64_t written;       /* into the output; with dry_run: would be */
    uint64_t straddling;    /* left out: they reach into blocks of two groups, or are too near, or
                               have values of two groups or none */
    uint64_t views_kept;    /* views of the store that the output has too */
    uint64_t views_dropped; /* those whose samples are not in one group of the output */
    double block_size;      /* metres as used, when split by block; else 0 */
    size_t group_count;     /* at most 64 are listed */
    struct vdt_feed_group groups[64];
    size_t fold_count;
    struct vdt_split_fold {
        uint64_t test;
        uint64_t train;
        uint64_t left_out; /* samples in neither: they share ground with the test samples */
    } folds[VDT_FOLDS_MOST];
    char warning[512]; /* empty, or one line that the user should see */
};

/* Makes a store of the same samples in other groups. Stored chunks are copied as they are; keys,
 * checksums, scenes, feed_config and failures go along; rows and metadata are compared with their
 * checksums on the way, pixels with `verify`. The rule of the split is kept in the output, and
 * later feeds follow it. A view is kept when all its samples are in one group of the output.
 *
 * Folds are views of one group. Each sample is in the test view of exactly one fold; its train view
 * has all others that share no ground with a test sample and are not nearer than split_gap. Views
 * of the same names are replaced, other folds removed. Without `stratify` a sample's fold is a
 * function of seed and place (or scene, value or key). A feed that adds samples leaves the views as
 * they are: make the folds again.
 *
 * The output appears when it is complete; folds come in one commit. VDT_ERR_EXISTS when there is an
 * output already, VDT_ERR_NOT_FOUND when a group or a test fold would be empty. `report` may be
 * NULL. Memory: about 200 bytes a sample, and with folds 200 more. */
VDT_API VDT_CHECKED vdt_status vdt_split_store(const struct vdt_split_options *options,
                                               struct vdt_split_report *report,
                                               struct vdt_error *error);

/* --- leakage ------------------------------------------------------------------------------ */

/* A sample, as a leak names it. Strings are borrowed for the call that hands it out. */
struct vdt_leak_sample {
    const char *store;
    const char *group; /* or the view */
    const char *key;
};

/* Two samples of different groups that share ground, or are nearer than the gap. */
struct vdt_leak {
    struct vdt_leak_sample samples[2];
    double area; /* shared: square metres, or pixels; 0 for those that are only too near; NaN when
                    it cannot be told */
    bool pixels; /* `area` counts pixels: the samples have no place on the Earth */
};

/* Zero means the default everywhere. */
struct vdt_leakage_options {
    double gap; /* metres that samples of different groups must be apart; 0: they may touch */
    const char *const *views; /* these of each store are compared in place of its groups */
    size_t view_count;
    bool folds; /* the train view of each fold is compared with its test view, nothing else */
    void (*leak)(const struct vdt_leak *leak, void *payload); /* each one found; may be NULL */
    vdt_progress_fn progress;                                 /* in samples; may be NULL */
    void *payload;                                            /* of both */
};

struct vdt_leakage_report {
    uint64_t samples;  /* looked at */
    uint64_t unplaced; /* of them, those that have no place on the Earth */
    uint64_t leaks;    /* found */
};

/* Compares every sample with those of other groups, of the same store and of the others; a group is
 * its name, in whatever store. Nothing is believed but where samples lie: a sample's ground is the
 * parallelogram of its geotransform in its CRS. Those of different CRSs are compared in metres on
 * the ellipsoid. A thousandth of a pixel on each side is forgiven as rounding.
 * - Samples of scenes placed by control points or RPC have bounds in degrees only: their ground is
 *   taken to be all of them, so neighbours may be found that do not quite meet. Those of one scene
 *   are compared by their windows.
 * - Samples without georeference are compared by scene digest and window, and those of no scene by
 *   key; those of a CRS that is
 *   not on the Earth, or of none, in its own plane. A gap in metres is refused for them.
 * Leaks come in the order of stores, groups and samples. VDT_OK when all was compared, whatever was
 * found. Memory: about 200 bytes a sample. `options` and `report` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_leakage(const char *const *stores, size_t count,
                                           const struct vdt_leakage_options *options,
                                           struct vdt_leakage_report *report,
                                           struct vdt_error *error);

VDT_END_DECLS
#endif
