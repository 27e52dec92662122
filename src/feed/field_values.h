/* The values of a field that the objects of a window have. */
#ifndef FEED_FIELD_VALUES_H
#define FEED_FIELD_VALUES_H

#include "feed/plan.h"

/* {0} is empty. */
struct vdt_field_values {
    const char **texts; /* borrowed from the labels; distinct, sorted */
    size_t count, capacity;
};
void vdt_field_values_clear(struct vdt_field_values *values);

/* The values of all features that share area with the window. */
vdt_status vdt_field_values(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                            const struct vdt_window *window, struct vdt_field_values *values,
                            struct vdt_error *error);

/* A sample's metadata: `text` (a JSON object, NULL for {}) with the value of the field that divides
 * samples, or the list of values. *metadata is owned. */
vdt_status vdt_field_metadata(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                              const struct vdt_window *window, const char *text, char **metadata,
                              struct vdt_error *error);

#endif
