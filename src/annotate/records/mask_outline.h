/* Masks as polygons along the edges of pixels. No I/O. */
#ifndef ANNOTATE_MASK_OUTLINE_H
#define ANNOTATE_MASK_OUTLINE_H

#include "annotate/records/objects.h"

/* Appends the parts of a mask: pixels that share an edge are one part, with its holes; points where
 * the outline turns. Outer rings turn right on the screen, holes left. False: memory is out. */
bool vdt_mask_outline(struct vdt_outlines *outlines, const struct vdt_annotation *mask);

#endif
