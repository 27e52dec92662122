/* How samples become a batch: what is read, checked and converted. */
#ifndef LOAD_RECIPE_H
#define LOAD_RECIPE_H

#include "load/input.h"
#include "load/transform.h"

/* {0} is empty. Unchanging once made: any thread. */
struct vdt_recipe {
    const struct vdt_sources *sources; /* borrowed */
    struct vdt_plan_transform transform;
    struct vdt_batch_spec spec;
    size_t value_pixel; /* bytes of a value where values are of pixels and move with them, else 0 */
    uint64_t seed;      /* of the transform's choices */
    bool skip;          /* damaged samples are left out */
};

vdt_status vdt_recipe_init(struct vdt_recipe *recipe, const struct vdt_sources *sources,
                           const struct vdt_loader_options *options, struct vdt_error *error);
void vdt_recipe_clear(struct vdt_recipe *recipe);

#endif
