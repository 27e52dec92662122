/* COCO's JSON files as columns: the public calls. */
#include <vedatile/coco.h>

#include "base/error.h"

vdt_status vdt_coco_read_ground_truth(const char *path, const struct vdt_coco_options *options,
                                      struct vdt_coco **coco, struct vdt_error *error)
{
    (void)options;
    (void)coco;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: reading COCO files comes next", path);
}

vdt_status vdt_coco_read_results(const char *path, const struct vdt_coco_options *options,
                                 struct vdt_coco **coco, struct vdt_error *error)
{
    return vdt_coco_read_ground_truth(path, options, coco, error);
}

void vdt_coco_free(struct vdt_coco *coco)
{
    (void)coco;
}

void vdt_coco_get_images(const struct vdt_coco *coco, struct vdt_coco_images *images)
{
    (void)coco;
    *images = (struct vdt_coco_images){0};
}

void vdt_coco_get_categories(const struct vdt_coco *coco, struct vdt_coco_categories *categories)
{
    (void)coco;
    *categories = (struct vdt_coco_categories){0};
}

void vdt_coco_get_records(const struct vdt_coco *coco, struct vdt_coco_records *records)
{
    (void)coco;
    *records = (struct vdt_coco_records){0};
}

vdt_status vdt_coco_truth_objects(struct vdt_coco *coco, bool masks, struct vdt_objects *objects,
                                  struct vdt_error *error)
{
    (void)coco;
    (void)masks;
    (void)objects;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "objects of COCO files come next");
}

vdt_status vdt_coco_result_objects(struct vdt_coco *results, const struct vdt_coco *ground_truth,
                                   bool masks, struct vdt_objects *objects, struct vdt_error *error)
{
    (void)ground_truth;
    return vdt_coco_truth_objects(results, masks, objects, error);
}
