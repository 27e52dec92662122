/* data.yaml of a YOLO data set: the part of YAML that such files use. */
#ifndef SOURCE_YOLO_DATA_H
#define SOURCE_YOLO_DATA_H

#include <vedatile/error.h>

#include "source/labels/values.h"

/* {0} is empty; cleared by vdt_yolo_data_clear. */
struct vdt_yolo_data {
    char **names; /* by class id; NULL for one that has none */
    size_t name_count, name_capacity;
    char *root;           /* "path", or NULL */
    struct vdt_yolo_split /* "train", "val" and "test", as they are written */
    {
        char **folders;
        size_t count, capacity;
    } splits[3];
};

/* A file of names, one a line (classes.txt, obj.names), or YAML for names that end with .yaml or
 * .yml. Fails with file and line for what is neither. */
vdt_status vdt_yolo_data_read(const char *path, struct vdt_yolo_data *data,
                              struct vdt_error *error);
void vdt_yolo_data_clear(struct vdt_yolo_data *data);

#endif
