/* GeoJSON without OGR: text is read block by block straight into packed geometry. Private to
 * source/. */
#ifndef SOURCE_GEOJSON_H
#define SOURCE_GEOJSON_H

#include "source/labels/labels_state.h"

/* Appends the file's features as vdt_labels_read does, with the same result, when it is a
 * FeatureCollection or a sequence of features with nothing unusual about it; else *taken is false,
 * nothing has changed, and OGR is to read it. Fails, with line and byte, when the text is no JSON:
 * it is then no file for OGR either. */
vdt_status vdt_geojson_read(struct vdt_label_file *file, bool *taken, struct vdt_error *error);

#endif
