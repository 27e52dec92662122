/* The samples of a store and where they go. Private to feed/regroup*.c and folds.c. */
#ifndef FEED_REGROUP_H
#define FEED_REGROUP_H

#include <vedatile/split.h>

#include "feed/groups.h"
#include "source/scenes/frame.h"
#include "source/scenes/scene.h"
#include "store/reader.h"
#include "store/writer.h"

#define VDT_NO_FOLD UINT32_MAX

struct vdt_regroup_row {
    uint64_t index; /* in its group of the store */
    uint64_t at;    /* in its group of the result */
    uint32_t group, scene;
    int32_t to; /* group of the result, or VDT_SPLIT_NONE */
    uint32_t fold;
};

/* A rule with the frame that it counts blocks on. */
struct vdt_regroup_rule {
    struct vdt_groups groups;
    struct vdt_frame *frame;
};

struct vdt_regroup {
    const struct vdt_split_options *options;
    struct vdt_split_report *report;
    struct vdt_reader *reader;
    struct vdt_regroup_row *rows;
    size_t count;
    struct vdt_regroup_rule rule;      /* of the split; the store's groups without one */
    struct vdt_regroup_rule fold_rule; /* groups are folds */
    const char *fold_group;            /* of the result; borrowed */
    struct vdt_scene *scene;           /* of the row that was looked at last */
    uint32_t scene_row, crs_row;
    double corner[6]; /* that scene's geotransform */
};
void vdt_regroup_clear(struct vdt_regroup *regroup);

/* A row's sample with the scene that it is a window of. */
struct vdt_regroup_sample {
    struct vdt_sample row;
    struct vdt_scene *scene; /* borrowed until the next call */
    struct vdt_window window;
    const char *digest, *acquired;
};

/* regroup_rows.c */
vdt_status vdt_regroup_read(struct vdt_regroup *regroup, struct vdt_error *error);
vdt_status vdt_regroup_look(struct vdt_regroup *regroup, const struct vdt_regroup_row *row,
                            struct vdt_regroup_sample *sample, struct vdt_error *error);
/* A rule for these shares by the options; blocks are counted on the grid of the scene with the
 * lowest digest, whatever the order of the samples. */
vdt_status vdt_regroup_rule_make(struct vdt_regroup *regroup, const struct vdt_split_share *shares,
                                 size_t count, uint64_t seed, struct vdt_regroup_rule *rule,
                                 struct vdt_error *error);
void vdt_regroup_rule_clear(struct vdt_regroup_rule *rule);

/* Values of the field that samples are divided by; owned. */
struct vdt_regroup_values {
    char **texts;
    size_t count, capacity;
};
void vdt_regroup_values_clear(struct vdt_regroup_values *values);
vdt_status vdt_regroup_values(const struct vdt_regroup *regroup, const struct vdt_regroup_row *row,
                              const char *field, struct vdt_regroup_values *values,
                              struct vdt_error *error);
/* The group of a row by a rule, or VDT_SPLIT_NONE. */
vdt_status vdt_regroup_group(struct vdt_regroup *regroup, const struct vdt_regroup_rule *rule,
                             const struct vdt_regroup_row *row, struct vdt_regroup_sample *sample,
                             int *group, struct vdt_error *error);

/* regroup_units.c: for each row of those with `wanted`, the group of `rule` that stratification
 * gives it, into groups[row]; else VDT_SPLIT_NONE. `whole`: a row goes with the block of its middle
 * and none is lost. */
vdt_status vdt_regroup_stratify(struct vdt_regroup *regroup, const struct vdt_regroup_rule *rule,
                                const bool *wanted, bool whole, int32_t *groups,
                                struct vdt_error *error);

/* regroup_copy.c: a writer of options->output with all rows in their groups, not committed. */
vdt_status vdt_regroup_copy(struct vdt_regroup *regroup, struct vdt_writer **writer,
                            struct vdt_error *error);

#endif
