/* The parallel part of a feed: units of windows become packets. */
#ifndef FEED_WORKER_H
#define FEED_WORKER_H

#include "base/ordered.h"
#include "encode/encode.h"
#include "feed/plan.h"
#include "store/packet.h"

enum vdt_outcome { VDT_KEPT, VDT_UNLABELLED, VDT_INVALID, VDT_CLOUDED, VDT_UNREADABLE };

/* How the plan has labels encoded. */
struct vdt_encode_rules vdt_feed_rules(const struct vdt_plan *plan);

/* Pixels of all bands in decoded blocks that a worker needs again for the next row of its unit's
 * windows. */
int64_t vdt_feed_block_pixels(const struct vdt_plan *plan, const struct vdt_plan_scene *scene);

/* The most bytes of decoded blocks, of all workers together. */
enum { VDT_FEED_BLOCKS_MOST = 512 << 20 };

/* What became of one unit. */
struct vdt_unit_result {
    uint64_t unit;
    uint32_t count;
    uint8_t *outcomes;          /* [count] enum vdt_outcome */
    struct vdt_packet *packets; /* [count]; filled where the outcome is VDT_KEPT */
    void **images; /* [count]; pixels that a packet borrows, or room for some; or NULL */
    struct vdt_error *failures; /* [count] of VDT_UNREADABLE windows; NULL before the first */
    bool lost;                  /* the scene itself cannot be opened: failures[0] says why */
    uint32_t capacity;
    uint64_t slivers;
};
void vdt_unit_result_clear(struct vdt_unit_result *result);

/* Shared by all workers; constant while they run, but for the results in their slots. */
struct vdt_feed_work {
    const struct vdt_plan *plan;
    const struct vdt_layout *layout; /* NULL for a dry run: no pixels are read */
    struct vdt_unit_result *results; /* [slots] */
};

/* For vdt_ordered_start with a struct vdt_feed_work as payload and one item a unit. */
extern const struct vdt_ordered_ops vdt_feed_ops;

#endif
