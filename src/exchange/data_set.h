/* Folders of images and labels that other programs made: what is in them. */
#ifndef EXCHANGE_DATA_SET_H
#define EXCHANGE_DATA_SET_H

#include <vedatile/exchange.h>
#include <vedatile/feed.h>

/* Images of one group with their labels. */
struct vdt_data_set_part {
    char group[16]; /* train, validate, test */
    char *labels;   /* a file or a folder */
    char **images;
    size_t image_count, image_capacity;
};

/* {0} is empty. */
struct vdt_data_set {
    const char *folder; /* borrowed */
    char **files; /* images and .json files below it, sorted; owned by GDAL's list functions */
    size_t file_count;
    struct vdt_data_set_part *parts;
    size_t part_count, part_capacity;
};

/* Finds the parts of a folder:
 * COCO: .json files with annotations, each a part, with the images that it names;
 * YOLO: the images below the folder, by the splits of data.yaml or else by the names of folders;
 * VOC: the images with an XML file, by ImageSets/Main or else by the names of folders.
 * Fails where there is none, and for an image that labels name and that is not there. Cleared by
 * vdt_data_set_clear either way. */
vdt_status vdt_data_set_find(const char *folder, enum vdt_label_format format,
                             struct vdt_data_set *set, struct vdt_error *error);
void vdt_data_set_clear(struct vdt_data_set *set);

/* Imports such a folder: a feed of whole images for each part. Adds to *report. */
vdt_status vdt_import_data_set(const struct vdt_import_options *options, const char *folder,
                               struct vdt_import_report *report, struct vdt_error *error);

#endif
