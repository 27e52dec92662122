/* Where the samples of a store lie on the ground, for regions and for objects on the ground. */
#ifndef REPORT_PLACE_H
#define REPORT_PLACE_H

#include "report/objects.h"
#include "report/scorer.h"

/* The region of the options' file that each unit is in: of[unit_count], VDT_NO_SAMPLE for none. */
vdt_status vdt_place_regions(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                             char ***names, uint32_t *count, uint32_t *of, struct vdt_error *error);

#endif
