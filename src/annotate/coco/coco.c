/* COCO's JSON files as columns: the public calls. */
#include <stdlib.h>
#include <vedatile/coco.h>

#include "annotate/coco/coco_file.h"
#include "base/error.h"

vdt_status vdt_coco_read_ground_truth(const char *path, const struct vdt_coco_options *options,
                                      struct vdt_coco **coco, struct vdt_error *error)
{
    return vdt_coco_load(path, false, options, 0, coco, error);
}

vdt_status vdt_coco_read_results(const char *path, const struct vdt_coco_options *options,
                                 struct vdt_coco **coco, struct vdt_error *error)
{
    return vdt_coco_load(path, true, options, 0, coco, error);
}

void vdt_coco_free(struct vdt_coco *coco)
{
    if (coco == NULL)
        return;
    vdt_coco_part_clear(&coco->images);
    vdt_coco_part_clear(&coco->categories);
    vdt_coco_part_clear(&coco->records);
    free(coco->path);
    free(coco->file_names);
    free(coco->names);
    free(coco->supercategories);
    free(coco->image);
    free(coco->category);
    vdt_coco_free_objects(coco);
    free(coco);
}

void vdt_coco_get_images(const struct vdt_coco *coco, struct vdt_coco_images *images)
{
    *images = (struct vdt_coco_images){
        .count = coco->images.records,
        .id = coco->images.column[VDT_COCO_ID].data,
        .size = coco->images.column[VDT_COCO_SIZE].data,
        .file_name = coco->file_names,
    };
}

void vdt_coco_get_categories(const struct vdt_coco *coco, struct vdt_coco_categories *categories)
{
    *categories = (struct vdt_coco_categories){
        .count = coco->categories.records,
        .id = coco->categories.column[VDT_COCO_ID].data,
        .name = coco->names,
        .supercategory = coco->supercategories,
    };
}

static void *values(const struct vdt_coco *coco, enum vdt_coco_column column)
{
    return coco->records.column[column].data;
}

void vdt_coco_get_records(const struct vdt_coco *coco, struct vdt_coco_records *records)
{
    bool attributes = vdt_coco_wants(&coco->records, VDT_COCO_TEXT_END);
    *records = (struct vdt_coco_records){
        .count = coco->records.records,
        .id = values(coco, VDT_COCO_ID),
        .image_id = values(coco, VDT_COCO_IMAGE_ID),
        .category_id = values(coco, VDT_COCO_CATEGORY_ID),
        .image = coco->results ? NULL : coco->image,
        .category = coco->results ? NULL : coco->category,
        .box = values(coco, VDT_COCO_BOX),
        .area = values(coco, VDT_COCO_AREA),
        .score = values(coco, VDT_COCO_SCORE),
        .crowd = values(coco, VDT_COCO_CROWD),
        .ignore = values(coco, VDT_COCO_IGNORE),
        .shape = values(coco, VDT_COCO_SHAPE),
        .size = values(coco, VDT_COCO_SIZE),
        .counts = values(coco, VDT_COCO_COUNTS),
        .count_offsets = values(coco, VDT_COCO_COUNT_END),
        .points = values(coco, VDT_COCO_POINTS),
        .ring_offsets = values(coco, VDT_COCO_POINT_END),
        .shape_offsets = values(coco, VDT_COCO_RING_END),
        .attributes = attributes ? values(coco, VDT_COCO_TEXT) : NULL,
        .attribute_offsets = attributes ? values(coco, VDT_COCO_TEXT_END) : NULL,
    };
}
