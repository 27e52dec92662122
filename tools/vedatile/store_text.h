/* What the commands that describe a store have in common. */
#ifndef TOOL_STORE_TEXT_H
#define TOOL_STORE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <vedatile/store.h>

/* "detection, segmentation" or "none". Returns `buffer`. */
const char *store_tasks(char *buffer, size_t size, uint32_t tasks);

/* ["detection", "segmentation"]. */
json_t *store_tasks_json(uint32_t tasks);

/* Joins west, south, east, north of all samples; *known is false when no sample has bounds.
 * Longitudes are joined the short way round only when a sample crosses the antimeridian. */
vdt_status store_bounds(const struct vdt_reader *reader, double bounds[4], bool *known,
                        struct vdt_error *error);

/* The group of that name; NULL: "train", or the first group when there is no train. */
vdt_status store_group(const struct vdt_reader *reader, const char *name, size_t *group,
                       struct vdt_error *error);

#endif
