/* Parts of tiles as polygons on the ground, as GeoJSON (RFC 7946) has them: longitude and latitude,
 * outer rings counter-clockwise, cut at the antimeridian. */
#ifndef EXCHANGE_FOOTPRINT_H
#define EXCHANGE_FOOTPRINT_H

#include "base/json.h"
#include "exchange/record.h"
#include "source/ground/lonlat.h"

/* {0} is empty; used again from sample to sample. One thread. */
struct vdt_outline {
    const char *crs; /* of `ground`; borrowed from the reader */
    struct vdt_lonlat *ground;
};
void vdt_outline_clear(struct vdt_outline *footprint);

/* The geometry of a rectangle xmin, ymin, xmax, ymax in the sample's pixels; null (RFC 7946's "no
 * place") where there is none. Samples without a geotransform have only their whole tile, by its
 * bounds. New reference; NULL: memory is out. */
json_t *vdt_outline_of(struct vdt_outline *footprint, const struct vdt_record *record,
                       const double box[4], bool whole);

#endif
