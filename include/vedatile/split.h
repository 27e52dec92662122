/* Which ground the groups of stores share: the proof that a split leaks nothing. */
#ifndef VEDATILE_SPLIT_H
#define VEDATILE_SPLIT_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

/* A sample, as a leak names it. Strings are borrowed for the call that hands it out. */
struct vdt_leak_sample {
    const char *store;
    const char *group;
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
 * - Samples without georeference are compared by scene digest and window; those of a CRS that is
 *   not on the Earth, or of none, in its own plane. A gap in metres is refused for them.
 * Leaks come in the order of stores, groups and samples. VDT_OK when all was compared, whatever was
 * found. Memory: about 200 bytes a sample. `options` and `report` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_leakage(const char *const *stores, size_t count,
                                           const struct vdt_leakage_options *options,
                                           struct vdt_leakage_report *report,
                                           struct vdt_error *error);

VDT_END_DECLS
#endif
