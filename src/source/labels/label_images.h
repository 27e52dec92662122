/* Labels in pixels of images that they name: what the readers of COCO, YOLO and Pascal VOC have in
 * common. Private to source/. */
#ifndef SOURCE_LABEL_IMAGES_H
#define SOURCE_LABEL_IMAGES_H

#include "source/labels/labels_state.h"

/* An image that a file has labels for. Its features are those of a layer without a CRS. */
struct vdt_label_image {
    char *name;          /* "images/a.jpg", or without the extension; '/' between folders */
    char *from;          /* the file that has the labels */
    bool stem;           /* the name has no extension: any will do */
    bool share;          /* coordinates are shares of the image's size */
    uint32_t cols, rows; /* as the file says, to be compared; 0: it does not */
    size_t layer;
};

/* The class values of files without a class field. */
struct vdt_label_attribute {
    const char *name, *text;
};

/* The reader of a path that is, or is said to be, of such a format; *taken is false for a path for
 * OGR. */
vdt_status vdt_label_images_read(struct vdt_label_file *file, bool *taken, struct vdt_error *error);

vdt_status vdt_coco_read(struct vdt_label_file *file, struct vdt_error *error);
vdt_status vdt_yolo_read(struct vdt_label_file *file, struct vdt_error *error);
vdt_status vdt_voc_read(struct vdt_label_file *file, struct vdt_error *error);

/* Appends an image (strings are copied) with an empty layer, whose features follow until
 * vdt_label_file_end. */
vdt_status vdt_label_image_begin(struct vdt_label_file *file, const struct vdt_label_image *about,
                                 size_t *layer, struct vdt_error *error);

/* The value that decides about the class: the first attribute, or those that the class field and
 * the class map name. `format` names the format in messages. */
vdt_status vdt_label_image_value(struct vdt_label_file *file, const char *format,
                                 const struct vdt_label_attribute *attributes, size_t count,
                                 uint32_t *value, struct vdt_error *error);

/* Adds a rectangle as a part. False when memory is out. */
bool vdt_label_rectangle(struct vdt_geometry *geometry, const double box[4]);

/* Sorts the images, once all are read. */
void vdt_label_images_sort(struct vdt_labels_source *source);

/* The images that a scene is, by its path; *found is owned. */
vdt_status vdt_label_images_find(const struct vdt_labels_source *source, const char *path,
                                 const struct vdt_label_image ***found, size_t *count,
                                 struct vdt_error *error);

/* The points of an image's layer in the scene's pixels. Fails for a file of another size than the
 * labels say, and for a feature that lies outside of it. */
struct vdt_points;
vdt_status vdt_label_image_points(const struct vdt_labels_source *source,
                                  const struct vdt_label_image *image, struct vdt_scene *scene,
                                  struct vdt_points *points, struct vdt_error *error);

#endif
