/* A scene: a georeferenced raster that GDAL opens. One handle belongs to one thread. */
#ifndef SOURCE_SCENE_H
#define SOURCE_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

struct vdt_scene;

/* How pixels map to the ground. */
enum vdt_georef {
    VDT_GEOREF_NONE = 0, /* plain pixels; labels must then be in pixels too */
    VDT_GEOREF_AFFINE,   /* geotransform, any rotation */
    VDT_GEOREF_GCP,
    VDT_GEOREF_RPC
};

/* Borrowed from the scene and constant while it is open. */
struct vdt_scene_info {
    const char *path;
    const char *driver; /* GDAL's short name */
    int32_t cols, rows;
    int band_count; /* in the file, alpha included */
    int block_cols, block_rows;
    enum vdt_georef georef;
    double geotransform[6]; /* zeros unless affine */
    const char *crs;        /* WKT2, "" when there is none */
    uint64_t bytes;         /* file size, 0 when unknown */
    char digest[33];        /* 32 hex digits over size and content samples */
    char acquired[32];      /* ISO 8601, "" when unknown */
};

/* Bands to read and what their pixels mean; owned memory inside, cleared by vdt_selection_clear. */
struct vdt_band_selection {
    int *bands; /* 1-based, in the order wanted */
    int count;
    enum vdt_dtype dtype; /* the smallest type that holds all of them */
    char **names;         /* band descriptions, or "band_N" */
    bool *has_nodata;
    double *nodata;
    bool any_nodata;                   /* a pixel is no image as soon as one band is nodata */
    struct vdt_band_selection *stored; /* what is read and then converted, owned; NULL: this */
    double *scale, *offset;            /* [count] value = stored * scale + offset; NULL without */
};

/* One-line errors for: missing file, not a raster, a damaged header, absurd sizes. */
vdt_status vdt_scene_open(const char *path, struct vdt_scene **scene, struct vdt_error *error);
void vdt_scene_free(struct vdt_scene *scene);

/* A scene that is not there, of which a store knows the grid: it has a place and no pixels. */
struct vdt_scene_grid {
    const char *name; /* for messages */
    int32_t cols, rows;
    const double *geotransform; /* NULL: none */
    const char *crs;            /* WKT, "" for none */
};
vdt_status vdt_scene_open_grid(const struct vdt_scene_grid *grid, struct vdt_scene **scene,
                               struct vdt_error *error);
const struct vdt_scene_info *vdt_scene_info(const struct vdt_scene *scene);

/* bands NULL: all but alpha bands. Refuses by name: band numbers outside the file, twice the same
 * band, complex and 64-bit integer pixels. */
vdt_status vdt_scene_select(struct vdt_scene *scene, const int *bands, size_t count,
                            struct vdt_band_selection *selection, struct vdt_error *error);
void vdt_selection_clear(struct vdt_band_selection *selection);

/* Reads a window as [band][row][col] of selection->dtype. Pixels outside the scene get the band's
 * nodata, else 0. `valid` [rows * cols] gets 1 for image and 0 for nodata (all selected bands are
 * their nodata, or one is with any_nodata; so are values that are no numbers where a selection
 * converts them to integers), transparent, masked or outside. A block that cannot be decoded is an
 * error that names the window. */
vdt_status vdt_scene_read(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                          const struct vdt_window *window, void *pixels, uint8_t *valid,
                          struct vdt_error *error);

/* The whole scene as `cols` x `rows` pixels, from the overview that is large enough: pixels and
 * `valid` as above. VDT_ERR_UNSUPPORTED where too many pixels would have to be read for it. */
vdt_status vdt_scene_overview(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                              int32_t cols, int32_t rows, void *pixels, uint8_t *valid,
                              struct vdt_error *error);

/* Whether a scene's blocks can be read without GDAL's block cache: local GeoTIFFs without masks. */
bool vdt_scene_suits_blocks(const struct vdt_scene *scene,
                            const struct vdt_band_selection *selection);

/* From now on the scene keeps decoded blocks itself, up to `bytes` of them, for windows of this
 * selection, which is borrowed; nothing for scenes that do not suit. `once`: windows do not
 * overlap, so that blocks that are whole in one need not be kept. */
vdt_status vdt_scene_keep_blocks(struct vdt_scene *scene,
                                 const struct vdt_band_selection *selection, size_t bytes,
                                 bool once, struct vdt_error *error);

/* Blanks pixels of what was read: where `seen` [count] is 0 they get the band's nodata, else 0, and
 * are not valid. */
void vdt_scene_blank(const struct vdt_band_selection *selection, size_t count, const uint8_t *seen,
                     void *pixels, uint8_t *valid);

/* Longitude/latitude (WGS 84, degrees) of `count` pixel positions (x, y): in place. `ok` [count]
 * says which could be mapped. VDT_ERR_NOT_FOUND for a scene without CRS or georeference. */
vdt_status vdt_scene_lonlat(struct vdt_scene *scene, double (*points)[2], size_t count, bool *ok,
                            struct vdt_error *error);

/* Positions on the ground, in the CRS `crs` (text that GDAL understands, "" for the scene's own) ->
 * pixel positions (x, y): in place. `ok` [count] says which could be mapped. `what` names the
 * source in messages. */
vdt_status vdt_scene_place(struct vdt_scene *scene, const char *crs, const char *what,
                           double (*points)[2], size_t count, bool *ok, struct vdt_error *error);

/* The tile's own geotransform: the scene's moved to the window's corner; zeros unless affine. */
void vdt_window_geotransform(const struct vdt_scene_info *info, const struct vdt_window *window,
                             double geotransform[6]);

#endif
