/* Shapes in longitude and latitude, cut where they cross 180 degrees. Private to annotate/. */
#ifndef ANNOTATE_CUT_LONLAT_H
#define ANNOTATE_CUT_LONLAT_H

#include "annotate/records/objects.h"

/* Puts all longitudes into -180..180, as RFC 7946 wants them (3.1.9): a polygon (dimension 2) or
 * line (1) that goes on beyond is cut there and has a part on each side; points (0) are moved.
 * Nothing is done to what lies within. VDT_ERR_FORMAT for a polygon that cannot be cut. */
vdt_status vdt_outlines_cut(struct vdt_outlines *outlines, int dimension, struct vdt_error *error);

#endif
