/* Where objects nearly touch: ground between them that a model should not close. */
#ifndef SOURCE_CONTACT_H
#define SOURCE_CONTACT_H

#include <vedatile/error.h>

#include "base/geometry.h"

/* The intersections of each two features' buffers of half the spacing (rounded, 16 segments a
 * quarter circle), as one feature for each two that have one, measured. Coordinates and spacing are
 * in one frame; spacing is positive. The caller clears *contacts. */
vdt_status vdt_contacts_make(const struct vdt_geometry *geometry, double spacing,
                             struct vdt_geometry *contacts, struct vdt_error *error);

#endif
