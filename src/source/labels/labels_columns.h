/* What decides about the classes of an OGR layer's features. Private to source/. */
#ifndef SOURCE_LABELS_COLUMNS_H
#define SOURCE_LABELS_COLUMNS_H

#include "base/buffer.h"
#include "source/labels/labels_state.h"

struct vdt_label_columns {
    int *fields; /* their numbers in the layer */
    size_t field_count;
    struct vdt_label_held {
        int64_t *ids; /* of the features that a condition holds for, sorted */
        size_t count, capacity;
    } * held;
    size_t held_count;
    struct vdt_buffer text; /* of a value */
};

/* Finds the class field, or all that the class map's rules look at, and lets OGR decide the
 * conditions, each in a pass over the layer. Fails for fields that are not there and for conditions
 * that OGR refuses. Cleared by vdt_label_columns_clear either way. */
vdt_status vdt_label_columns_open(const struct vdt_label_file *file, OGRLayerH layer,
                                  struct vdt_quiet *quiet, struct vdt_label_columns *columns,
                                  struct vdt_error *error);
void vdt_label_columns_clear(struct vdt_label_columns *columns);

/* The number of a feature's value among the file's. */
vdt_status vdt_label_columns_value(const struct vdt_label_file *file,
                                   struct vdt_label_columns *columns, OGRFeatureH feature,
                                   uint32_t *number, struct vdt_error *error);

#endif
