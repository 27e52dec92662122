/* Rasters as labels: of classes, or of numbers to learn. Made once for all scenes of a feed. */
#ifndef SOURCE_RASTER_LABELS_H
#define SOURCE_RASTER_LABELS_H

#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "source/scenes/layer.h"

struct vdt_raster_labels;

/* Borrowed for as long as the labels are. */
struct vdt_raster_label_options {
    const char *const *paths;
    size_t count;
    const char *const *values; /* as vdt_class_map_parse has them; NULL: those of the map */
    size_t value_count;
    const char *map; /* a class map's file; NULL: the rasters' category names, else their values */
    const char *const *classes; /* NULL: those of the values */
    size_t class_count;
    enum vdt_unknown unknown;
    const char *unknown_class; /* or "background" or "ignore" */
    bool numbers;              /* pixels are numbers, not classes */
};

/* The rasters that cover one scene, in their order; later ones lie on top. {0}: none. */
struct vdt_raster_layers {
    struct vdt_layer *layers;
    size_t *rasters; /* which of the paths each is */
    size_t count;
};
void vdt_raster_layers_clear(struct vdt_raster_layers *layers);

/* First all is opened, then each scene added, then the list of classes finished. One-line errors
 * for: a file that is no raster or has several bands, a map that is about more than the pixels'
 * value, a class of the map that is not in the class list. *labels is owned. */
vdt_status vdt_raster_labels_open(const struct vdt_raster_label_options *options,
                                  struct vdt_raster_labels **labels, struct vdt_error *error);
void vdt_raster_labels_free(struct vdt_raster_labels *labels);

/* Finds the layers of a scene: with as many rasters as scenes (`scene_count`) its own, `index`,
 * else all that it meets. Looks through their pixels where it has to be known which values there
 * are. VDT_ERR_NOT_FOUND when its own raster does not meet it; meeting none of all is no failure.
 */
vdt_status vdt_raster_labels_add(struct vdt_raster_labels *labels, struct vdt_scene *scene,
                                 size_t index, size_t scene_count, struct vdt_raster_layers *layers,
                                 struct vdt_error *error);

/* VDT_ERR_MISMATCH for values that are no class and that unknown does not settle; VDT_ERR_NOT_FOUND
 * where rasters met no scene. */
vdt_status vdt_raster_labels_finish(struct vdt_raster_labels *labels, struct vdt_error *error);

size_t vdt_raster_labels_class_count(const struct vdt_raster_labels *labels);
const char *vdt_raster_labels_class(const struct vdt_raster_labels *labels, size_t class_id);
/* The class map as canonical JSON, owned; NULL: none, or memory is out. */
char *vdt_raster_labels_map(const struct vdt_raster_labels *labels);

/* What a pixel is: 0 background, a class id + 1, or one of these. */
#define VDT_RASTER_IGNORE UINT32_MAX
#define VDT_RASTER_UNKNOWN (UINT32_MAX - 1)

/* One thread's; {0} is empty. Cleared before the scene that it read is. */
struct vdt_raster_view {
    const struct vdt_raster_layers *layers; /* that are open; borrowed */
    struct vdt_layer_view *views;           /* [view_count] */
    uint32_t **tables; /* [view_count][65536] codes of whole values; NULL until wanted */
    size_t view_count;
    uint32_t *codes; /* [rows * cols] of the last window */
    float *numbers;  /* the same, of numbers; NaN: none */
    size_t code_capacity, number_capacity;
};
void vdt_raster_view_clear(struct vdt_raster_view *view);

/* Fills codes, or numbers, for a window of the scene that the layers were made for. Where no raster
 * has a valid pixel they are VDT_RASTER_IGNORE and NaN. Any thread, with its own view. */
vdt_status vdt_raster_labels_read(struct vdt_raster_view *view,
                                  const struct vdt_raster_labels *labels,
                                  const struct vdt_raster_layers *layers, struct vdt_scene *scene,
                                  const struct vdt_window *window, struct vdt_error *error);

#endif
