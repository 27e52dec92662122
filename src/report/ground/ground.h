/* Objects of tiles as they lie on the ground: put together where borders of tiles cut them, counted
 * once where tiles overlap, as polygons in square metres; and which region each belongs to.
 *
 * The way: vdt_ground_areas_open takes the tiles, vdt_ground_merge makes objects on the ground of
 * ground truth and of predictions, vdt_ground_images gives both the images that vdt_detection_match
 * asks for, vdt_ground_image_regions puts those images into regions. What is made does not change
 * afterwards and may be read by any thread. Neither the order of tiles and objects nor the number
 * of threads shows in a result.
 *
 * The frame. Everything of a scene is in one plane that keeps areas: Lambert's azimuthal one about
 * the middle of the scene's tiles, or a cylindrical one where they reach farther than 60 degrees
 * from it; its text is what PROJ takes. Units are metres on the WGS 84 ellipsoid. Sides that bend
 * in the plane get points between, so that they are right to 1/10000 of a pixel. Without a CRS the
 * plane is that of the geotransform, without a geotransform that of the scene's pixels. */
#ifndef REPORT_GROUND_H
#define REPORT_GROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

struct vdt_objects; /* vedatile/detection.h */

struct vdt_ground_regions; /* polygons of a file; see below */

/* --- tiles ------------------------------------------------------------------------------------ */

struct vdt_placed_tile {
    uint32_t scene;           /* any numbers: tiles of one scene have the same */
    uint32_t crs;             /* index into the list of texts */
    struct vdt_window window; /* in pixels of the scene, as vdt_sample has it */
    double geotransform[6];   /* of the tile, as vdt_sample has it; zeros: none */
};

/* Zero is the default. All pointers are borrowed for the call. */
struct vdt_ground_options {
    const struct vdt_placed_tile *tiles;
    uint32_t tile_count;
    uint32_t rows, cols;    /* required: pixels of every tile; a window is stretched to them */
    const char *const *crs; /* WKT as stores have it; "" for none */
    size_t crs_count;
    bool join_scenes; /* scenes on one grid of pixels, such as the sheets of a mosaic, are one:
                         wrong for scenes that overlap because they show different times */
    double overlap;   /* two predictions of neighbouring tiles are one object where the IoU of what
                         both tiles can see of them is at least this, or what they share of the
                         smaller one where a border cuts one of them, or the IoU of the stretches of
                         the border that they touch; 0: 0.5; at most 1 */
    double reach;     /* pixels from its tile's border within which an object touches it; 0: 1 */
    bool mean_scores; /* scores of merged predictions are means, weighted by area; else the highest
                       */
    bool ignore_cut;  /* ground truth that reaches the edge of the ground that tiles cover is
                         ignored;  else it is what tiles cover of it */
    double min_visible; /* ground truth of which tiles cover less than this share is ignored, where
                           `visible` of the objects tells; 0: none */
    struct vdt_ground_regions *ignored; /* ground that does not count, for vdt_ground_ignore and
                                           vdt_ground_pixels_tile: the areas free it when they are
                                           freed themselves; NULL: none */
    uint32_t threads;                   /* 0: one per core */
};

/* The ground that tiles cover. */
struct vdt_ground_areas;

/* VDT_ERR_ARGUMENT for bad options; VDT_ERR_FORMAT and VDT_ERR_UNSUPPORTED for a CRS or a
 * geotransform that gives no place, by tile. *areas is owned. */
vdt_status vdt_ground_areas_open(const struct vdt_ground_options *options,
                                 struct vdt_ground_areas **areas, struct vdt_error *error);
void vdt_ground_areas_free(struct vdt_ground_areas *areas); /* accepts NULL */

/* Tiles of a scene that touch or overlap are one area; areas are sorted by scene, row and column.
 */
struct vdt_ground_area {
    uint32_t scene; /* of its first tile */
    uint32_t tiles;
    bool metres;     /* else units of the geotransform, or pixels */
    const char *crs; /* text of the plane that keeps areas; "" where there is no CRS; borrowed */
};
uint32_t vdt_ground_area_count(const struct vdt_ground_areas *areas);
struct vdt_ground_area vdt_ground_area(const struct vdt_ground_areas *areas, uint32_t area);

/* --- objects ---------------------------------------------------------------------------------- */

/* All borrowed for the call. */
struct vdt_ground_input {
    const struct vdt_objects *objects; /* in pixels of tiles; image is the index of the tile;
                                          without scores they are ground truth. What is outside of
                                          its tile does not count */
    const int64_t *feature; /* [count] of ground truth: the number of the object in its label file;
                               within a scene and a category pieces of one number are one object.
                               Negative: not known. NULL: none is */
    const double
        *visible; /* [count] share of the whole object that is in the tile; NULL: not known */
};

/* The category of ground truth that stands for every category: a part of the ground of which
 * nothing is known (no data, not labelled). Detections that match nothing else and lie in it to the
 * share of the threshold are ignored. */
#define VDT_GROUND_ANY UINT32_MAX

/* Objects on the ground. */
struct vdt_ground_merged;

/* Pieces become one object where borders cut them and where several tiles see the same:
 * ground truth by its feature, predictions (and ground truth without) by geometry. Of two tiles
 * that overlap, what lies in the ground that both see is compared: by IoU, then, where a border has
 * cut one of them, by what they share of the smaller one. Of two that touch, the stretches of the
 * border that the objects touch are compared, unless a tile that has one of them shows ground of
 * the other. The best pairs come first, and no object has two pieces of one tile, for those are a
 * model's duplicates. A box becomes the box about all pieces, along the
 * scene's rows and columns; masks are joined pixel by pixel; polygons and rotated boxes are joined
 * as polygons. Crowd and ignore go over to the whole.
 *
 * Objects come sorted by area, category, score (highest first) and place. VDT_ERR_ARGUMENT for an
 * image that is no tile; VDT_ERR_FORMAT for numbers that are not finite. *merged is owned. */
vdt_status vdt_ground_merge(const struct vdt_ground_areas *areas,
                            const struct vdt_ground_input *input, struct vdt_ground_merged **merged,
                            struct vdt_error *error);
void vdt_ground_merged_free(struct vdt_ground_merged *merged); /* accepts NULL */

/* Polygons in the frames, with areas and boxes; the image is the area until vdt_ground_images.
 * Borrowed. */
const struct vdt_objects *vdt_ground_objects(const struct vdt_ground_merged *merged);

/* What objects were made of: *pieces are indices of the input, rising; borrowed. */
uint64_t vdt_ground_pieces(const struct vdt_ground_merged *merged, uint64_t object,
                           const uint64_t **pieces);
uint32_t vdt_ground_area_of(const struct vdt_ground_merged *merged, uint64_t object);

struct vdt_ground_counts {
    uint64_t pieces;  /* given */
    uint64_t outside; /* of these without ground in their tile: left out */
    uint64_t joined;  /* objects of more than one piece */
    uint64_t cut;     /* objects that reach the edge of the ground that tiles cover */
    uint64_t ignored; /* because they are cut, for their visible share, or because they lie mostly
                         in ground that does not count */
    uint64_t crowds;  /* objects that stand for ground that does not count */
};
struct vdt_ground_counts vdt_ground_counts(const struct vdt_ground_merged *merged);

/* Gives the objects of both the images that they are matched in: those that could match each other
 * with an IoU of `lowest` or more (0: 0.1), of whatever category, are in one image, others are not.
 * So matching stays near, and is what it would be with all ground in one image, as long as the
 * number of detections is not limited: ask for one max_detections of UINT32_MAX. Ground truth of
 * VDT_GROUND_ANY becomes a crowd of each category that has predictions there. The counts of pieces
 * of such copies are 0. */
vdt_status vdt_ground_images(struct vdt_ground_merged *ground_truth,
                             struct vdt_ground_merged *predictions, double lowest,
                             uint32_t *image_count, struct vdt_error *error);

/* --- ground that does not count --------------------------------------------------------------- */

/* What the options of the areas name, and pixels of tiles. One thread. */
struct vdt_ground_ignored;

/* *ignored is owned; the areas are borrowed until it is freed. */
vdt_status vdt_ground_ignored_open(const struct vdt_ground_areas *areas,
                                   struct vdt_ground_ignored **ignored, struct vdt_error *error);
void vdt_ground_ignored_free(struct vdt_ground_ignored *ignored); /* accepts NULL */

/* Adds pixels [rows][cols] of a tile, 1: ignored. Of tiles that overlap the one says it that counts
 * there (vdt_ground_pixels_tile). Each tile once. */
vdt_status vdt_ground_ignored_add(struct vdt_ground_ignored *ignored, uint32_t tile,
                                  const uint8_t *pixels, struct vdt_error *error);

/* After vdt_ground_images. Ground truth of which at least half lies there becomes ignored. With
 * `crowds` each detection that reaches there gets a crowd of its category and image in the shape of
 * that part of it, so that it is ignored at the thresholds up to the share of its area, if it
 * matches nothing else. Without, for protocols that know no crowds, objects of which at least half
 * lies there are put into image *image_count, which is then one more and is to have weight 0.
 * VDT_ERR_UNSUPPORTED for polygons of a file and ground without a CRS. */
vdt_status vdt_ground_ignore(struct vdt_ground_ignored *ignored,
                             struct vdt_ground_merged *ground_truth,
                             struct vdt_ground_merged *predictions, bool crowds,
                             uint32_t *image_count, struct vdt_error *error);

/* --- regions ---------------------------------------------------------------------------------- */

/* Polygons with names, of a file; several of one name are one region. */
struct vdt_ground_regions;

/* A file that OGR opens (GeoJSON, GeoPackage ...). `field` (NULL: "name") has the names; "": all
 * polygons are one region and need no names. One-line
 * errors for what cannot be read. *regions is owned. */
vdt_status vdt_ground_regions_open(const char *path, const char *field,
                                   struct vdt_ground_regions **regions, struct vdt_error *error);
void vdt_ground_regions_free(struct vdt_ground_regions *regions); /* accepts NULL */
uint32_t vdt_ground_region_count(const struct vdt_ground_regions *regions);
const char *vdt_ground_region_name(const struct vdt_ground_regions *regions, uint32_t region);

/* region[objects]: where most of each object lies; vdt_ground_region_count where it lies in none.
 * Of equal shares the first region. VDT_ERR_UNSUPPORTED for ground without a CRS. */
vdt_status vdt_ground_object_regions(const struct vdt_ground_areas *areas,
                                     const struct vdt_ground_regions *regions,
                                     const struct vdt_ground_merged *merged, uint32_t *region,
                                     struct vdt_error *error);

/* region[image_count] after vdt_ground_images: an image is in the region that most of its ground
 * truth is in by area, or of its predictions where it has none; so objects that could match each
 * other stay together. Weights of 1 for the images of a region are its scores, without matching
 * again. */
vdt_status vdt_ground_image_regions(const struct vdt_ground_areas *areas,
                                    const struct vdt_ground_regions *regions,
                                    const struct vdt_ground_merged *ground_truth,
                                    const struct vdt_ground_merged *predictions,
                                    uint32_t image_count, uint32_t *region,
                                    struct vdt_error *error);

/* --- pixels ----------------------------------------------------------------------------------- */

/* Pixels of tiles for segmentation on the ground. One thread each. */
struct vdt_ground_pixels;

/* `regions` may be NULL. Both are borrowed until vdt_ground_pixels_free. */
vdt_status vdt_ground_pixels_open(const struct vdt_ground_areas *areas,
                                  const struct vdt_ground_regions *regions,
                                  struct vdt_ground_pixels **pixels, struct vdt_error *error);
void vdt_ground_pixels_free(struct vdt_ground_pixels *pixels); /* accepts NULL */

/* Each [rows][cols] of the tile, or NULL. counts: 1 where this tile is the one that counts, of all
 * that cover the pixel: the one whose middle is nearest, of equal ones the uppermost, then the
 * leftmost, then the first; 0 where the middle of the pixel lies in ground that the options
 * ignore. area: square metres (or units as above). region: as
 * vdt_ground_object_regions, of the pixel's centre. */
vdt_status vdt_ground_pixels_tile(struct vdt_ground_pixels *pixels, uint32_t tile, uint8_t *counts,
                                  double *area, uint32_t *region, struct vdt_error *error);

#endif
