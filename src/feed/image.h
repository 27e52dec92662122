/* What is behind the image of scene.h. Private to feed/. */
#ifndef FEED_IMAGE_H
#define FEED_IMAGE_H

#include <vedatile/scene.h>

#include "feed/tile.h"
#include "source/scenes/scene.h"

struct vdt_image {
    char *uri;
    struct vdt_scene *scene;
    struct vdt_band_selection selection;
    double bounds[4];
    struct vdt_tile tile; /* of the last window that was appended */
};

#endif
