/* Samples into batches: read, compare, convert. */
#ifndef LOAD_FILL_H
#define LOAD_FILL_H

#include "load/batch.h"
#include "load/recipe.h"
#include "store/foreign.h"

/* One thread's memory; {0} is empty. */
struct vdt_scratch {
    struct vdt_decoder decoder;
    struct vdt_hdf5_cursor cursor;
    struct vdt_buffer image; /* as stored, where it is not delivered so */
    struct vdt_buffer pixels[VDT_TILE_ARRAYS];
    struct vdt_buffer values;
    struct vdt_buffer numbers; /* uint16_t: boxes numbered anew */
    struct vdt_buffer indices; /* uint64_t: of samples that a partial store may lack */
};
void vdt_scratch_clear(struct vdt_scratch *scratch);

/* Fills part `part` of a batch of `size` samples: the part's share of them, whose numbers are
 * samples[0 .. part->size) as vdt_part_range gives it; positions[i] is what random choices for
 * samples[i] depend on, besides the epoch. The thread that fills the last part completes the batch.
 * Damage, when it is not skipped, and all else that goes wrong is a failure that names the sample.
 */
struct vdt_fill {
    const struct vdt_recipe *recipe;
    uint64_t epoch;
    bool verify;
    const atomic_bool *stop; /* may be NULL; ends waiting for a server */
};
vdt_status vdt_fill_part(const struct vdt_fill *fill, struct vdt_scratch *scratch,
                         struct vdt_batch *batch, size_t size, size_t part, const uint64_t *samples,
                         const uint64_t *positions, struct vdt_error *error);

/* The places of a batch of `size` samples that part `part` of `parts` fills. */
void vdt_part_range(size_t size, size_t part, size_t parts, size_t *first, size_t *count);

#endif
