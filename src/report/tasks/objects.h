/* Objects of both sides as columns that can be matched: one list of categories, images that are the
 * evaluation's samples. */
#ifndef REPORT_OBJECTS_H
#define REPORT_OBJECTS_H

#include <vedatile/detection.h>

#include "report/kept.h"
#include "report/sides.h"

/* The words of the document's "iou", by enum vdt_annotation_form; ends with NULL. */
extern const char *const vdt_iou_words[];

/* Owns what its columns do not borrow from the sides. */
struct vdt_compared {
    struct vdt_objects truth, predicted;
    const uint64_t *truth_rows;     /* of the sets, by object; NULL for COCO */
    const uint64_t *predicted_rows; /* likewise */
    char **categories;              /* those of the truth first */
    uint32_t category_count;
    uint64_t *truth_counts;     /* [category_count], of samples that count */
    uint64_t *predicted_counts; /* likewise */
    struct vdt_annotation_columns *truth_columns, *predicted_columns;
    uint32_t *owned[4];       /* columns that were numbered anew */
    struct vdt_kept *kept[2]; /* columns without the samples that do not count; NULL: all do */

    /* What has a weight: the samples and one for objects of no sample, or images of the ground. */
    bool on_ground;
    uint32_t unit_count;
    uint32_t *unit_weights;
    void *ground; /* owns the objects on the ground */
    void (*free_ground)(void *ground);
};

/* Which kinds of annotations each side has: bits 1 << enum vdt_annotation_kind. */
vdt_status vdt_sides_kinds(const struct vdt_sides *sides, uint32_t *truth, uint32_t *predicted,
                           struct vdt_error *error);

vdt_status vdt_compared_open(struct vdt_sides *sides, enum vdt_annotation_form form,
                             struct vdt_compared *compared, struct vdt_error *error);
void vdt_compared_clear(struct vdt_compared *compared);

/* Names of a label map: what `name` is called; borrowed from either. */
const char *vdt_mapped_label(const json_t *map, const char *name);

/* The options' label map; *map NULL: none. Owned. */
vdt_status vdt_label_map(const struct vdt_evaluate_options *options, json_t **map,
                         struct vdt_error *error);

/* The place of a name in a growing list; UINT32_MAX: memory is out. */
uint32_t vdt_name_index(char ***names, uint32_t *count, const char *name);

#endif
