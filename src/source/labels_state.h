/* What a labels source holds, and its reader. Private to source/. */
#ifndef SOURCE_LABELS_STATE_H
#define SOURCE_LABELS_STATE_H

#include "source/labels.h"
#include "source/values.h"

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
};

/* The text that stands for a class field without value; never a class. */
#define VDT_NO_VALUE "(null)"

/* Appends one file's layers. Features get the number of their class value as class_id. */
vdt_status vdt_labels_read(struct vdt_labels_source *source, size_t file,
                           const struct vdt_label_options *options, struct vdt_values *values,
                           struct vdt_error *error);

#endif
