/* One scene at a time: windows of it, their pixels, and samples made from them by hand. For whole
 * label files there is feed.h. */
#ifndef VEDATILE_SCENE_H
#define VEDATILE_SCENE_H

#include "vedatile/error.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_image;

struct vdt_image_spec {
    int32_t cols; /* pixels of the scene */
    int32_t rows;
    uint32_t bands; /* read by default: all but alpha */
    enum vdt_dtype dtype;
    double geotransform[6];        /* GDAL's order; zeros when there is none */
    double bounds[4];              /* west, south, east, north in degrees; NaN when unknown */
    const char *const *band_names; /* [bands] descriptions, else "band_N"; borrowed */
    const char *crs;               /* WKT2, "" for none; borrowed from the image */
    const char *uri;               /* as it was opened; borrowed */
    const char *digest;            /* 32 hex digits that identify the content; borrowed */
};

/* Opens anything that GDAL reads. `bands`: 1-based numbers in the order wanted, NULL: all but
 * alpha. *image belongs to the caller; one thread at a time. */
VDT_API VDT_CHECKED vdt_status vdt_image_open(const char *uri, const int *bands, size_t band_count,
                                              struct vdt_image **image, struct vdt_error *error);
/* Accepts NULL. */
VDT_API void vdt_image_free(struct vdt_image *image);
VDT_API struct vdt_image_spec vdt_image_spec(const struct vdt_image *image);

/* The pixels of a window, [band][row][col] of the scene's type. Outside the scene: nodata or 0. */
VDT_API VDT_CHECKED vdt_status vdt_image_read(struct vdt_image *image,
                                              const struct vdt_window *window, void *pixels,
                                              struct vdt_error *error);

/* The whole scene at another size, [band][row][col] of the scene's type: of the overview that is
 * large enough, where there is one, and the nearest pixels. `valid` [row][col]: 1 for image, 0 for
 * nodata; may be NULL. VDT_ERR_UNSUPPORTED where that takes more than 2^26 pixels (2^24 of a warped
 * scene). */
VDT_API VDT_CHECKED vdt_status vdt_image_overview(struct vdt_image *image, int32_t cols,
                                                  int32_t rows, void *pixels, uint8_t *valid,
                                                  struct vdt_error *error);

/* Window `index` of the random windows of that size and seed: inside the scene, every place equally
 * likely, a function of (seed, scene, index) alone. VDT_ERR_ARGUMENT when the size does not fit. */
VDT_API VDT_CHECKED vdt_status vdt_image_random_window(const struct vdt_image *image, int32_t cols,
                                                       int32_t rows, uint64_t seed, uint64_t index,
                                                       struct vdt_window *window,
                                                       struct vdt_error *error);

/* Windows on a grid that begins at the scene's corner: *windows has *count of them, row by row;
 * release with vdt_windows_free. stride 0: the size. Only windows inside the scene. */
VDT_API VDT_CHECKED vdt_status vdt_image_grid(const struct vdt_image *image, int32_t cols,
                                              int32_t rows, int32_t stride_cols,
                                              int32_t stride_rows, struct vdt_window **windows,
                                              size_t *count, struct vdt_error *error);
VDT_API void vdt_windows_free(struct vdt_window *windows);

/* Appends the window with its pixels and place to a group of a store; the labels are the caller's
 * (borrowed). The sample's key is that of a feed: VDT_ERR_EXISTS when it is in the store already.
 * The writer's store must have the image's bands and type and the window's size. */
VDT_API VDT_CHECKED vdt_status vdt_writer_append_window(struct vdt_writer *writer,
                                                        const char *group, struct vdt_image *image,
                                                        const struct vdt_window *window,
                                                        const struct vdt_labels *labels,
                                                        const char *metadata,
                                                        struct vdt_error *error);

VDT_END_DECLS
#endif
