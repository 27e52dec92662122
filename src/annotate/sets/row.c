#include "annotate/sets/row.h"

#include <stdlib.h>

#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/error.h"

void vdt_row_room_clear(struct vdt_row_room *room)
{
    free(room->labels);
    *room = (struct vdt_row_room){0};
}

vdt_status vdt_row_get(const struct vdt_annotations *set, uint64_t row, struct vdt_row_room *room,
                       struct vdt_annotation *a, struct vdt_error *error)
{
    size_t count = 0;
    vdt_status status = vdt_annotations_get(set, row, a, NULL, &count, error);
    if (status == VDT_OK &&
        !vdt_grow(&room->labels, &room->capacity, count + 1, sizeof *room->labels))
        status = vdt_fail_memory(error, vdt_set_name(set));
    return status == VDT_OK ? vdt_annotations_get(set, row, a, room->labels, &count, error)
                            : status;
}
