/* What a labels source holds, and its reader. Private to source/. */
#ifndef SOURCE_LABELS_STATE_H
#define SOURCE_LABELS_STATE_H

#include <ogr_api.h>

#include "source/labels/labels.h"
#include "source/labels/values.h"
#include "source/quiet.h"
#include "source/shapes/shape.h"

/* One layer: a run of features, and so of points, in one CRS. */
struct vdt_label_layer {
    size_t file;
    char *crs; /* WKT2, "" when there is none */
    size_t first_feature, feature_count;
    size_t first_point, point_count;
};

/* Not changed after vdt_labels_open. */
struct vdt_labels_source {
    char **paths;
    size_t path_count;
    char **classes;
    size_t class_count;
    struct vdt_geometry geometry; /* in the layers' CRSs, not measured */
    struct vdt_label_layer *layers;
    size_t layer_count, layer_capacity;
    struct vdt_label_counts counts;
    bool metres;              /* some features got their width in metres */
    struct vdt_values owners; /* of the owner field */

    /* Labels of images; then all layers are theirs. */
    struct vdt_label_image *images; /* sorted by the last part of their names */
    size_t image_count, image_capacity;
    struct vdt_values declared; /* classes that files list, in their order */
    bool of_images;
    bool absent_is_empty; /* an image without labels is one without objects */
};

/* The value of what is no object but an area to ignore, and its class id. */
#define VDT_IGNORED_VALUE "(ignored)\x1f"
#define VDT_IGNORED_CLASS (UINT32_MAX - 2)

/* The text that stands for a class field without value; never a class. */
#define VDT_NO_VALUE "(null)"

/* With a class map, the value of a feature is made of all that the rules look at: the texts of the
 * fields, each ended by this, and then a '0' or '1' for each condition. */
#define VDT_VALUE_END '\x1f'

/* One file while it is read, by whatever reader. */
struct vdt_label_file {
    struct vdt_labels_source *source;
    const struct vdt_label_options *options;
    struct vdt_values *values;
    const char *path;
    size_t number;     /* among the source's files */
    uint64_t features; /* all */
    uint64_t null_geometries, repaired;
    uint64_t without_area; /* points and lines */
    long long without_area_id;
    char without_area_type[40];
};

/* Appends one file's layers. Features get the number of their class value as class_id. */
vdt_status vdt_labels_read(struct vdt_labels_source *source, size_t file,
                           const struct vdt_label_options *options, struct vdt_values *values,
                           struct vdt_error *error);

/* The one field that decides about classes, NULL for none. False when there are several, or
 * conditions. */
bool vdt_label_one_field(const struct vdt_label_options *options, const char **field);

/* The same for any file that OGR opens; counts in *file. */
vdt_status vdt_labels_read_ogr(struct vdt_label_file *file, struct vdt_error *error);

/* Begins a layer behind what is there; its CRS is copied. The number of the layer is *layer. */
vdt_status vdt_label_file_begin(struct vdt_label_file *file, const char *crs, size_t *layer,
                                struct vdt_error *error);
void vdt_label_file_end(struct vdt_label_file *file, size_t layer);

/* Judges what became of a feature's geometry and counts it. *kept: there are parts of it, which are
 * the last ones. */
vdt_status vdt_label_file_judge(struct vdt_label_file *file, long long id,
                                const struct vdt_shape *shape, bool *kept, struct vdt_error *error);

/* Adds a feature of the shape's parts, which are the last ones. */
vdt_status vdt_label_file_add(struct vdt_label_file *file, long long id,
                              const struct vdt_shape *shape, uint32_t value,
                              struct vdt_error *error);

/* Whether points and lines are kept, to become polygons. */
bool vdt_label_keeps_lines(const struct vdt_label_options *options);

/* Makes polygons of the file's points and lines, whose widths are in metres. `begin` has the counts
 * from before the file was read. */
vdt_status vdt_label_file_widen(struct vdt_label_file *file, const struct vdt_geometry *begin,
                                struct vdt_error *error);

/* The shortest text that reads back as the same number, whatever the locale. */
void vdt_label_number_text(double value, char *text, size_t size);

/* A field's value as text, VDT_NO_VALUE without one; `digits` holds numbers. */
const char *vdt_label_field_text(OGRFeatureH feature, int field, char digits[64]);

/* Fields of a layer that hold numbers; -1: not asked for. */
struct vdt_label_numbers {
    int order, target, width;
    int owner; /* of any type */
};
vdt_status vdt_label_numbers_open(const struct vdt_label_file *file, OGRLayerH layer,
                                  struct vdt_label_numbers *numbers, struct vdt_error *error);
/* Fills order and target of *to, and its width where it is `wide`: has points or lines. *known is
 * false for a feature that is counted and left out. */
vdt_status vdt_label_numbers_value(struct vdt_label_file *file,
                                   const struct vdt_label_numbers *numbers, OGRFeatureH feature,
                                   bool wide, struct vdt_feature *to, bool *known,
                                   struct vdt_error *error);

/* The CRS of a layer as WKT ("" for none), owned. */
vdt_status vdt_label_layer_crs(OGRLayerH layer, const struct vdt_quiet *quiet, const char *path,
                               char **crs, struct vdt_error *error);

#endif
