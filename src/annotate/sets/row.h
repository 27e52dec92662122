/* One row of a set with all of its labels, however many. */
#ifndef ANNOTATE_SETS_ROW_H
#define ANNOTATE_SETS_ROW_H

#include <vedatile/annotations.h>

/* Memory that is used again; {0} is empty. */
struct vdt_row_room {
    struct vdt_label *labels;
    size_t capacity;
};
void vdt_row_room_clear(struct vdt_row_room *room);

/* annotation->labels lies in `room` until the next call. */
vdt_status vdt_row_get(const struct vdt_annotations *set, uint64_t row, struct vdt_row_room *room,
                       struct vdt_annotation *annotation, struct vdt_error *error);

#endif
