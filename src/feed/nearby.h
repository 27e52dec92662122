/* Which samples share ground, or lie nearer to each other than a gap: every two of them that have
 * different names, found with an index and compared exactly. */
#ifndef FEED_NEARBY_H
#define FEED_NEARBY_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/split.h>
#include <vedatile/store.h>

#include "source/ground/ground.h"

/* Samples are compared only with those of the same space: the Earth, the plane of a CRS that is not
 * on it, or the pixels of a scene. */
enum vdt_space { VDT_SPACE_EARTH, VDT_SPACE_PLANE, VDT_SPACE_SCENE };

/* A sample. The first part is its owner's; only those of the same `set` are compared, and of them
 * only those with different names. */
struct vdt_nearby_item {
    uint32_t store, group, set, name;
    uint64_t sample;
    size_t row; /* for the owner only */
    enum vdt_space kind;
    uint64_t space; /* which plane, which scene */
    uint64_t scene; /* by digest */
    struct vdt_footprint footprint;
    struct vdt_window window;
    bool boxed;    /* on the Earth, but only bounds in degrees are known */
    double box[4]; /* of vdt_ground_box */
};

/* {0} is empty; cleared by vdt_nearby_clear. */
struct vdt_nearby {
    double gap; /* metres; set before items are added */
    struct vdt_ground *ground;
    struct vdt_nearby_item *items;
    size_t count, capacity;
    uint64_t unplaced; /* samples that are not on the Earth */
    vdt_progress_fn progress;
    void *payload; /* of progress */
};
void vdt_nearby_clear(struct vdt_nearby *nearby);

/* Adds a sample of a store: `item` with its first part. */
vdt_status vdt_nearby_add(struct vdt_nearby *nearby, const struct vdt_reader *reader,
                          struct vdt_nearby_item item, struct vdt_error *error);

/* Two samples that share `area` (as of struct vdt_leak), or are too near. */
typedef vdt_status (*vdt_nearby_fn)(const struct vdt_nearby_item *a,
                                    const struct vdt_nearby_item *b, double area, bool pixels,
                                    void *payload, struct vdt_error *error);

/* Compares all, in the order of stores, groups and samples. */
vdt_status vdt_nearby_find(struct vdt_nearby *nearby, vdt_nearby_fn found, void *payload,
                           struct vdt_error *error);

#endif
