/* Where the samples of a store lie on the ground, for regions and for objects on the ground. */
#ifndef REPORT_PLACE_H
#define REPORT_PLACE_H

#include "report/scorer.h"
#include "report/tasks/objects.h"

/* Fails for options of the ground that are wrong, or that are given without it. */
vdt_status vdt_place_check(const struct vdt_evaluate_options *options, struct vdt_error *error);

/* Puts the objects of both sides together over tiles: they are then polygons on the ground, and
 * units are places. Takes nothing on failure. */
vdt_status vdt_place_objects(const struct vdt_sides *sides, struct vdt_compared *compared,
                             struct vdt_error *error);

/* What was put together, for the document; NULL where nothing was. New reference. */
json_t *vdt_place_document(const struct vdt_compared *compared);

/* The ground of the samples that count, and the tile that each is; both owned, tile[sample_count +
 * 1] with UINT32_MAX for those that are none. */
struct vdt_ground_areas;
vdt_status vdt_place_areas(const struct vdt_sides *sides, struct vdt_ground_areas **areas,
                           uint32_t **tile, struct vdt_error *error);

/* Objects of units by their weights, into a slice: "ground_truths" that are not ignored, and
 * "detections". Of scorers of objects on the ground. */
void vdt_place_counts(const struct vdt_scorer *scorer, const uint32_t *weights, json_t *slice);

/* The region of the options' file that each unit is in: of[unit_count], VDT_NO_SAMPLE for none. */
vdt_status vdt_place_regions(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                             char ***names, uint32_t *count, uint32_t *of, struct vdt_error *error);

#endif
