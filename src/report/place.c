/* Where the samples of a store lie on the ground. */
#include "report/place.h"

#include "base/error.h"

vdt_status vdt_place_regions(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                             char ***names, uint32_t *count, uint32_t *of, struct vdt_error *error)
{
    (void)scorer;
    (void)sides;
    (void)names;
    (void)count;
    (void)of;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "by region: not yet");
}
