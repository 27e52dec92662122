/* What raster labels hold. Private to source/raster_labels*.c. */
#ifndef SOURCE_RASTER_LABELS_STATE_H
#define SOURCE_RASTER_LABELS_STATE_H

#include "source/labels/class_map.h"
#include "source/labels/raster_labels.h"
#include "source/labels/values.h"

struct vdt_label_raster {
    char **names; /* category names by value; NULL: none */
    int name_count;
    double scale, offset;
};

/* Not changed after vdt_raster_labels_finish. */
struct vdt_raster_labels {
    struct vdt_raster_label_options options;
    struct vdt_class_map *map;        /* NULL without */
    struct vdt_label_raster *rasters; /* [options.count] */
    struct vdt_values classes;
    struct vdt_values found;   /* texts of values, or names of categories, that were met */
    struct vdt_values unnamed; /* of those, values that stand for themselves */
    bool *met;                 /* [options.count] whether a raster meets any scene */
};

/* What a value of a raster is, by the map, by its category or by itself: *text is the class, which
 * points into the labels or to `number`; NULL where `code` says it all: 0, VDT_RASTER_IGNORE or
 * VDT_RASTER_UNKNOWN. */
void vdt_raster_labels_name(const struct vdt_raster_labels *labels, size_t raster, double value,
                            char number[64], const char **text, uint32_t *code);

/* The code of a value, with unknown settled where it can be. */
uint32_t vdt_raster_labels_code(const struct vdt_raster_labels *labels, size_t raster,
                                double value);

#endif
