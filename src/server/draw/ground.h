/* The ground under tiles, in a worker: PROJ's data base is opened before the worker is confined.
 * Private to draw/. */
#ifndef SERVER_DRAW_GROUND_H
#define SERVER_DRAW_GROUND_H

#include <vedatile/store.h>

#include "base/json.h"

/* PROJ's data base is open, for this process. Returns the highest descriptor that may be of it. */
int vdt_ground_prepare(void);

/* All borrowed. */
struct vdt_ground_sample {
    const struct vdt_store_spec *spec;
    const char *key, *group;
    const char *crs;      /* WKT, or "" */
    const json_t *counts; /* objects by class */
    bool placed;
    double geotransform[6];
    double bounds[4]; /* NaN: unknown */
};

/* {0}: none. The arrays are owned. */
struct vdt_ground_labels {
    size_t count;
    void *boxes;    /* float [count][4] */
    void *classes;  /* uint16_t */
    void *features; /* int64_t */
    void *visible;  /* float */
};
void vdt_ground_labels_clear(struct vdt_ground_labels *labels);

/* A FeatureCollection: a feature for each box, or where the store has no boxes one of the whole
 * tile with its classes. "footprint" is the tile's polygon. New reference; NULL: memory is out. */
json_t *vdt_ground_document(const struct vdt_ground_sample *sample,
                            const struct vdt_ground_labels *labels);

#endif
