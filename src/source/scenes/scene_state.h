/* What a scene handle holds. Private to source/. */
#ifndef SOURCE_SCENE_STATE_H
#define SOURCE_SCENE_STATE_H

#include <gdal.h>
#include <ogr_srs_api.h>
#include <stdbool.h>

#include "source/scenes/scene.h"

struct vdt_nodata {
    bool stated; /* what the band declares does not count */
    bool has;
    double value;
};

struct vdt_scene {
    GDALDatasetH dataset;        /* NULL: a joined scene */
    struct vdt_join_state *join; /* NULL: one file */
    struct vdt_scene_info info;
    char *path;
    char *wkt;
    bool stands_in;           /* the dataset is VRT text in place of the file */
    OGRSpatialReferenceH crs; /* traditional axis order; NULL: labels share the scene's frame */
    double inverse[6];        /* ground to pixels, when affine */
    void *transformer;        /* GCP and RPC: pixels to ground and back */
    OGRCoordinateTransformationH to_lonlat; /* made at first use */
    GDALRasterBandH alpha;                  /* NULL: none */
    GDALRasterBandH mask;   /* mask of the whole scene that is neither alpha nor nodata */
    unsigned char *scratch; /* one window of alpha or mask */
    size_t scratch_capacity;
    unsigned char *raw; /* one window before it is converted */
    size_t raw_capacity;
    struct vdt_blocks *blocks; /* NULL: GDAL keeps them */
    struct vdt_nodata *nodata; /* [band_count] in place of what bands declare; NULL: that */
};

/* vdt_scene_open of VRT text that stands for the file `path`, which messages and the digest are
 * about; NULL: the file itself. */
vdt_status vdt_scene_open_as(const char *path, const char *vrt, struct vdt_scene **scene,
                             struct vdt_error *error);

GDALDataType vdt_gdal_type(enum vdt_dtype dtype);

/* Makes what is done to the scene's pixels a part of its digest. */
vdt_status vdt_scene_add_rule(struct vdt_scene *scene, const char *rule, struct vdt_error *error);

/* Every pixel gets the band's nodata, else 0. */
void vdt_scene_blank_all(const struct vdt_band_selection *selection, size_t count,
                         unsigned char *pixels);

/* Fills info.bytes, info.digest and info.acquired. */
vdt_status vdt_scene_identify(struct vdt_scene *scene, struct vdt_error *error);

#endif
