/* Tiles and objects as GeoJSON features. */
#ifndef EXCHANGE_GROUND_JSON_H
#define EXCHANGE_GROUND_JSON_H

#include "exchange/footprint.h"

/* The footprint of a tile with its key, group, scene, window, classes and number of boxes. New
 * reference; NULL: memory is out. */
json_t *vdt_ground_window(struct vdt_outline *footprint, const struct vdt_record *record,
                          const struct vdt_store_spec *spec);

/* Box `i` of a sample with its class, feature and visible share. */
json_t *vdt_ground_label(struct vdt_outline *footprint, const struct vdt_record *record,
                         const struct vdt_store_spec *spec, size_t i);

/* The geometry of the whole tile. */
json_t *vdt_ground_tile(struct vdt_outline *footprint, const struct vdt_record *record,
                        const struct vdt_store_spec *spec);

/* Names of the classes that its one-hot vector, or else its boxes, have: in the order of ids. */
json_t *vdt_ground_classes(const struct vdt_record *record, const struct vdt_store_spec *spec);

#endif
