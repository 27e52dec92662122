/* What a feed asks of its tiles' pixels: which bands, of which type and unit, and what no image is.
 */
#ifndef SOURCE_PIXEL_RULES_H
#define SOURCE_PIXEL_RULES_H

#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "source/scenes/scene.h"

/* Borrowed. {0}: all bands but alpha, as they are. */
struct vdt_pixel_rules {
    const char *const *bands; /* names as vdt_bands_select takes them; NULL: all but alpha */
    size_t band_count;
    enum vdt_dtype dtype; /* 0: the scene's, or float32 with unscale */
    bool unscale;
    bool no_nodata;       /* what bands declare as nodata is data */
    const double *nodata; /* one for all bands or one for each chosen; NULL: as declared */
    size_t nodata_count;
    enum vdt_valid_rule valid_rule;
};

/* Has the scene take the rules' nodata for what its bands declare, before it is selected from or
 * warped. VDT_ERR_ARGUMENT for values that are as many as neither 1 nor the bands. */
vdt_status vdt_pixel_rules_nodata(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                                  struct vdt_error *error);

/* vdt_bands_select, and the conversions that the rules ask for; once for an open scene, whose
 * digest then says what was done to its pixels, if anything. A band's nodata stays what it was
 * where the new type has it and the band is not scaled; else it is NaN in floating point and 0 in
 * integers. VDT_ERR_ARGUMENT for a stated nodata value that no pixel of a band can have. */
vdt_status vdt_pixel_rules_select(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                                  struct vdt_band_selection *selection, struct vdt_error *error);

#endif
