/* COCO's JSON files, read fast into columns: ground truth (images, categories, annotations) and
 * results (an array of detections). From here to scores: vdt_coco_truth_objects and
 * vdt_coco_result_objects give what vdt_detection_match takes. */
#ifndef VEDATILE_COCO_H
#define VEDATILE_COCO_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_coco;
struct vdt_objects;

/* Zero means the default everywhere. */
struct vdt_coco_options {
    uint32_t threads; /* 0: one per core; the columns do not depend on it */
    bool no_shapes;   /* segmentations are passed over: boxes are all that is wanted */
    bool attributes;  /* keep what annotations have besides, as text */
};

/* What the segmentation of a record is. */
enum vdt_coco_shape {
    VDT_COCO_NO_SHAPE = 0,
    VDT_COCO_POLYGONS, /* rings, each a part of its own: COCO knows no holes */
    VDT_COCO_RLE
};

/* By id, rising. */
struct vdt_coco_images {
    uint64_t count;
    const int64_t *id;
    const uint32_t (*size)[2];    /* rows, cols; 0 where the file does not say */
    const char *const *file_name; /* UTF-8; "" where there is none */
};

/* By id, rising. */
struct vdt_coco_categories {
    uint64_t count;
    const int64_t *id;
    const char *const *name;          /* UTF-8; "" where there is none */
    const char *const *supercategory; /* the same */
};

/* Annotations or detections, in the order of the file. */
struct vdt_coco_records {
    uint64_t count;
    const int64_t *id; /* unique; NULL for results: pycocotools calls them place + 1 */
    const int64_t *image_id, *category_id;
    const uint32_t *image, *category; /* places in images and categories; NULL for results */
    const double (*box)[4];           /* x, y, width, height; NaN in all where there is none */
    const double *area;               /* as the file has it, NaN where not; NULL for results */
    const double *score;              /* NULL for ground truth */
    const uint8_t *crowd, *ignore;    /* 0 or 1; NULL for results */

    /* NULL from here on when read with no_shapes. */
    const uint8_t *shape; /* enum vdt_coco_shape */

    /* Records of VDT_COCO_RLE: run lengths, column-major, zeros first. */
    const uint32_t (*size)[2];     /* rows, cols; 0, 0 for others */
    const uint32_t *counts;        /* of record i: count_offsets[i] .. count_offsets[i + 1] */
    const uint64_t *count_offsets; /* [count + 1] */

    /* Records of VDT_COCO_POLYGONS: x, y in pixels, closed only where the file repeats a point. */
    const double (*points)[2];
    const uint64_t *ring_offsets;  /* [rings + 1] into points */
    const uint64_t *shape_offsets; /* [count + 1] into rings */

    /* The other members of a record as one JSON object ("" where it has none), not NUL-terminated;
     * of record i: attribute_offsets[i] .. attribute_offsets[i + 1]. NULL unless asked for. */
    const char *attributes;
    const uint64_t *attribute_offsets; /* [count + 1] */
};

/* Reads a ground truth file: an object with `images`, `annotations` and `categories` in any order;
 * other members are passed over. Every number is the double nearest to what is written, as Python
 * has it. Annotations of images and categories that the file does not have, ids that are there
 * twice, and values of the wrong type are refused: the message has the file, the byte and the
 * record, counted from 1. NULL options: defaults. *coco is owned. Any thread. */
VDT_API VDT_CHECKED vdt_status vdt_coco_read_ground_truth(const char *path,
                                                          const struct vdt_coco_options *options,
                                                          struct vdt_coco **coco,
                                                          struct vdt_error *error);

/* Reads a results file: an array of objects with `image_id`, `category_id`, `score` and `bbox` or
 * `segmentation`. As above; whether its ids are those of a ground truth shows when objects are
 * made. */
VDT_API VDT_CHECKED vdt_status vdt_coco_read_results(const char *path,
                                                     const struct vdt_coco_options *options,
                                                     struct vdt_coco **coco,
                                                     struct vdt_error *error);

/* Accepts NULL. */
VDT_API void vdt_coco_free(struct vdt_coco *coco);

/* Borrowed from `coco`, which does not change; any number of threads. Results have no images and no
 * categories. */
VDT_API void vdt_coco_get_images(const struct vdt_coco *coco, struct vdt_coco_images *images);
VDT_API void vdt_coco_get_categories(const struct vdt_coco *coco,
                                     struct vdt_coco_categories *categories);
VDT_API void vdt_coco_get_records(const struct vdt_coco *coco, struct vdt_coco_records *records);

/* What vdt_detection_match takes: image and category are places in the ground truth's images and
 * categories. With `masks`, polygons become masks of their image as COCO draws them, and a record
 * without segmentation is refused, as is a file that was read with `no_shapes`; without, a record
 * without box. Of results, as pycocotools has it, the first record decides what their areas and
 * boxes are: the box's when it has one, else the mask's. What `objects` borrows is made in `coco`
 * (or `results`) once and lives as long, or until results are made objects of another ground truth,
 * which has to live as well. One thread at a time. */
VDT_API VDT_CHECKED vdt_status vdt_coco_truth_objects(struct vdt_coco *coco, bool masks,
                                                      struct vdt_objects *objects,
                                                      struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_coco_result_objects(struct vdt_coco *results,
                                                       const struct vdt_coco *ground_truth,
                                                       bool masks, struct vdt_objects *objects,
                                                       struct vdt_error *error);

VDT_END_DECLS
#endif
