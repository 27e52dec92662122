/* Some of the objects of columns, as columns of their own. */
#ifndef REPORT_KEPT_H
#define REPORT_KEPT_H

#include <vedatile/detection.h>
#include <vedatile/shapes.h>

/* Owns the copies; `index` says which object of the original each is. */
struct vdt_kept {
    struct vdt_objects objects;
    struct vdt_shapes shapes;
    uint64_t *index;
    void *owned[16];
    size_t owned_count;
};

/* Objects of images that `number` does not send to UINT32_MAX, with those numbers. */
vdt_status vdt_kept_make(const struct vdt_objects *objects, const uint32_t *number,
                         struct vdt_kept *kept, struct vdt_error *error);
void vdt_kept_clear(struct vdt_kept *kept);

#endif
