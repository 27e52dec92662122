/* A COCO file that was read. */
#ifndef ANNOTATE_COCO_FILE_H
#define ANNOTATE_COCO_FILE_H

#include <vedatile/coco.h>
#include <vedatile/shapes.h>

#include "annotate/coco/coco_part.h"

struct vdt_coco {
    char *path;
    bool results;
    uint32_t threads;
    struct vdt_coco_part images, categories; /* by id; VDT_COCO_NAMED */
    struct vdt_coco_part records;            /* its ends are offsets */
    const char **file_names, **names, **supercategories;
    uint32_t *image, *category; /* [records]; of results: as the last ground truth had them */

    /* What objects borrow: made when it is first asked for. */
    const struct vdt_coco *truth; /* of results: that these are for */
    struct vdt_masks *masks;      /* of all records, where some are polygons */
    struct vdt_shapes shapes;
    double *area, (*box)[4]; /* of masks */
};

/* `piece`: bytes that a thread reads at once; 0: the default. */
vdt_status vdt_coco_load(const char *path, bool results, const struct vdt_coco_options *options,
                         uint64_t piece, struct vdt_coco **coco, struct vdt_error *error);

void vdt_coco_free_objects(struct vdt_coco *coco);

/* Puts images and categories in order of their ids, gives annotations their places, and refuses
 * what is there twice or not at all. */
vdt_status vdt_coco_index(struct vdt_coco *coco, struct vdt_error *error);

/* Places of ids in rising ids. */
struct vdt_coco_lookup {
    const int64_t *ids;
    size_t count;
    uint32_t *table; /* owned: [last id - first id + 1]; NULL where ids are too far apart */
};
vdt_status vdt_coco_lookup_make(const int64_t *ids, size_t count, struct vdt_coco_lookup *lookup,
                                struct vdt_error *error);
void vdt_coco_lookup_clear(struct vdt_coco_lookup *lookup);

/* UINT32_MAX: no such id. */
uint32_t vdt_coco_lookup_find(const struct vdt_coco_lookup *lookup, int64_t id);

#endif
