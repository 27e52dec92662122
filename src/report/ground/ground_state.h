/* What evaluation on the ground holds between its calls. Private to report/. */
#ifndef REPORT_GROUND_STATE_H
#define REPORT_GROUND_STATE_H

#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "base/geometry.h"
#include "base/shared_area.h"
#include "report/ground/ground.h"
#include "source/ground/equal_area.h"
#include "source/ground/lonlat.h"
#include "source/shapes/overlay.h"
#include "tile/index.h"

/* --- tiles ------------------------------------------------------------------------------------ */

/* Tiles whose pixels are those of one raster, moved by whole pixels. Places on it are (x right,
 * y down) in these pixels. */
struct vdt_ground_grid {
    uint32_t scene, crs;
    bool placed;            /* it has a geotransform */
    bool metres;            /* it has a CRS on the Earth, and so a plane that keeps areas */
    double geotransform[6]; /* of its pixel (0, 0); of an unplaced one that of the pixels */
    double hull[4];         /* of its tiles, in its pixels */
    double bend;            /* a side gets bend points for each pixel of its length */
    struct vdt_equal_area plane;
    uint32_t first, count;   /* into sorted */
    struct vdt_index *index; /* of its tiles' windows, by their places from `first` */
};

struct vdt_ground_placed {
    uint32_t grid;
    uint32_t area;
    uint32_t rank;    /* its place in sorted */
    double window[4]; /* xmin, ymin, xmax, ymax in the grid's pixels: whole numbers */
};

struct vdt_ground_areas {
    uint32_t rows, cols, tile_count, grid_count, area_count, threads;
    bool mean_scores, ignore_cut;
    double overlap, reach, min_visible;
    struct vdt_ground_regions *ignored; /* owned once they are open; may be NULL */
    char **crs;                         /* [crs_count], as they were given */
    size_t crs_count;
    struct vdt_ground_placed *tiles; /* [tile_count] as they were given */
    uint32_t *sorted;                /* tiles by grid, row, column and what they were given as */
    struct vdt_ground_grid *grids;
    size_t grid_capacity;
    struct vdt_ground_area *areas;
    uint32_t *area_grids; /* [area_count] */
};

/* Which pixels of a tile count, [rows][cols]: of tiles that overlap the one whose middle is
 * nearest. `hits` is scratch. */
vdt_status vdt_tile_counts(const struct vdt_ground_areas *areas, uint32_t tile,
                           struct vdt_hits *hits, uint8_t *counts, struct vdt_error *error);

/* Chooses the planes of grids. */
vdt_status vdt_ground_planes(struct vdt_ground_areas *areas, struct vdt_error *error);

/* What one thread needs to put places of grids onto the ground; {0} is empty. */
struct vdt_ground_ways {
    const struct vdt_ground_areas *areas;
    struct vdt_lonlat **lonlat; /* [crs_count], opened when they are needed */
};
vdt_status vdt_ground_ways_open(struct vdt_ground_ways *ways, const struct vdt_ground_areas *areas,
                                struct vdt_error *error);
void vdt_ground_ways_clear(struct vdt_ground_ways *ways);

/* Pixels of a grid to longitude and latitude, in place; the grid has metres. False for what has no
 * place. */
bool vdt_ground_lonlat(struct vdt_ground_ways *ways, uint32_t grid, double (*points)[2],
                       size_t count);

/* Pixels of a grid to its plane, in place. In a cylindrical plane points follow the first one, so
 * that nothing is torn where it ends. */
bool vdt_ground_flatten(struct vdt_ground_ways *ways, uint32_t grid, double (*points)[2],
                        size_t count);

/* --- pieces ----------------------------------------------------------------------------------- */

enum vdt_piece_kind { VDT_PIECE_BOX, VDT_PIECE_MASK, VDT_PIECE_POLYGON };

/* What a tile shows of an object, in pixels of its grid, nothing of it outside of the tile. */
struct vdt_piece {
    uint64_t input;
    uint32_t tile, grid, category;
    int64_t feature;         /* negative: not known */
    double score;            /* 0 for ground truth */
    double box[4];           /* xmin, ymin, xmax, ymax: tight */
    double area;             /* square pixels */
    size_t part, part_count; /* of polygons: into shapes */
    bool cut;                /* it reaches the edge of what tiles cover */
};

/* All pieces of an input, sorted by grid, category, tile, box, score. */
struct vdt_pieces {
    const struct vdt_ground_areas *areas;
    const struct vdt_ground_input *input;
    const struct vdt_objects *objects;
    enum vdt_piece_kind kind;
    struct vdt_piece *pieces;
    size_t count;
    struct vdt_geometry shapes; /* of polygons, in the order of input; valid */
};
struct vdt_overlay_parts vdt_piece_parts(const struct vdt_pieces *pieces,
                                         const struct vdt_piece *piece);

/* Adds the sides of a polygon as those of shape `which`. False when memory is out. */
bool vdt_piece_sides(const struct vdt_pieces *pieces, const struct vdt_piece *piece, int which,
                     const double origin[2], struct vdt_shared_area *to);

/* Points of two polygons up to which they are compared by arithmetic, without an overlay. */
enum { VDT_SMALL_SHAPES = 1000 };
size_t vdt_piece_points(const struct vdt_pieces *pieces, const struct vdt_piece *piece);

vdt_status vdt_pieces_take(struct vdt_pieces *pieces, const struct vdt_ground_areas *areas,
                           const struct vdt_ground_input *input, struct vdt_error *error);
void vdt_pieces_clear(struct vdt_pieces *pieces);

/* The pixels of a mask in a rectangle of its grid: ones are set in bits[rows][cols], which has
 * whatever it had elsewhere. */
void vdt_piece_paint(const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                     const int64_t corner[2], size_t rows, size_t cols, uint8_t *bits);

/* What one thread needs to compare pieces; {0} is empty. */
struct vdt_piece_view {
    struct vdt_overlay *overlay; /* opened when it is needed */
    struct vdt_geometry work;
    struct vdt_shared_area small;
    uint8_t *bits[2];
    size_t bit_capacity[2];
    double (*runs[2])[2];
    size_t run_capacity[2];
};
void vdt_piece_view_clear(struct vdt_piece_view *view);

/* How two tiles lie to each other. */
enum vdt_tile_relation { VDT_TILES_APART, VDT_TILES_TOUCH, VDT_TILES_OVERLAP };
/* `common` is what they share: a rectangle, or a stretch of a border. */
enum vdt_tile_relation vdt_tiles_relate(const double a[4], const double b[4], double common[4]);

/* How alike two pieces are. Of tiles that overlap, in the ground that both show: IoU, and what they
 * share as a part of the smaller one; 0 when they share nothing there. Of tiles that touch: IoU of
 * the stretches of the border that each is within reach of, widened by the reach on both sides. */
struct vdt_likeness {
    double iou, share;
};
vdt_status vdt_pieces_likeness(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                               const struct vdt_piece *a, const struct vdt_piece *b,
                               enum vdt_tile_relation relation, const double common[4],
                               struct vdt_likeness *likeness, struct vdt_error *error);

/* Whether a piece ends where its tile does and the other tile goes on: then it may be what is left
 * of an object, which is not what is left of the box or the outline that a model gives the whole.
 */
bool vdt_piece_is_cut(const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                      uint32_t other);

/* --- objects ---------------------------------------------------------------------------------- */

/* Pieces that are one object: members [first, first + count) of a list. */
struct vdt_cluster {
    uint32_t area, category;
    double score;
    double box[4]; /* in pixels of the grid */
    bool crowd, ignore, cut;
    bool hidden; /* ignored because it is cut, or for its visible share */
    size_t first, count;
};

struct vdt_clusters {
    struct vdt_cluster *clusters; /* sorted as vdt_ground_merge says */
    size_t count;
    uint32_t *members; /* pieces */
};
vdt_status vdt_clusters_find(const struct vdt_pieces *pieces, struct vdt_clusters *clusters,
                             struct vdt_error *error);
void vdt_clusters_clear(struct vdt_clusters *clusters);

/* Pairs of pieces that look like one object, best first. */
struct vdt_piece_pair {
    uint32_t a, b; /* a < b */
    int stage;     /* 0: seen in common ground; 1: there, but one is cut; 2: along a border */
    double apart;  /* difference of scores */
    double iou;
};
struct vdt_piece_pairs {
    struct vdt_piece_pair *pairs;
    size_t count, capacity;
};
/* `known` [pieces]: those that are left out. */
vdt_status vdt_pairs_find(const struct vdt_pieces *pieces, const bool *known,
                          struct vdt_piece_pairs *pairs, struct vdt_error *error);

/* Outlines of the ones in bits[rows][cols], along the edges of pixels, as parts with holes that are
 * valid polygons: ones that meet at a corner only are different parts. `corner` is added to the
 * points. */
struct vdt_outliner {
    uint8_t *marks;
    uint32_t *seen;
    double (*ring)[2];
    size_t mark_capacity, seen_capacity, ring_capacity;
    struct vdt_geometry rings;
};
void vdt_outliner_clear(struct vdt_outliner *outliner);
vdt_status vdt_outliner_trace(struct vdt_outliner *outliner, const uint8_t *bits, size_t rows,
                              size_t cols, const int64_t corner[2], struct vdt_geometry *to,
                              struct vdt_error *error);

/* Gives polygons that are the same in all but where rings begin, which way they go, the order of
 * parts and points on straight sides the same numbers, so that what was cut and joined is what it
 * was. */
vdt_status vdt_ground_settle(struct vdt_geometry *shape, struct vdt_error *error);

/* Columns of objects; what vdt_ground_objects gives points here. */
struct vdt_ground_merged {
    struct vdt_ground_counts counts;
    size_t count;
    uint32_t *image, *category, *area_of;
    double *score, *area, (*box)[4];
    uint8_t *crowd, *ignore;
    uint64_t *piece_offsets, *pieces;
    double (*points)[2];
    uint64_t *ring_offsets, *part_offsets, *shape_offsets;
    struct vdt_shapes shapes;
    struct vdt_objects objects;
};

/* Room for `count` objects, with offsets that begin with 0; vdt_ground_merged_free. */
vdt_status vdt_ground_merged_new(size_t count, size_t pieces, bool scored,
                                 struct vdt_ground_merged **merged, struct vdt_error *error);

/* Takes the points of a geometry, whose rings, parts and features follow each other; one feature an
 * object. Then the columns may be read. */
vdt_status vdt_ground_merged_end(struct vdt_ground_merged *merged, struct vdt_geometry *shapes,
                                 struct vdt_error *error);

/* Appends ground truth without pieces: the features of a geometry, whose rings, parts and features
 * follow each other, as crowds with image, category and area of the ground of objects `of` of
 * `like`. On failure nothing has been appended. */
vdt_status vdt_ground_merged_append(struct vdt_ground_merged *merged,
                                    const struct vdt_geometry *shapes,
                                    const struct vdt_ground_merged *like, const uint32_t *of,
                                    struct vdt_error *error);

/* A polygon of columns as parts of a geometry, which is emptied before. False when memory is out.
 */
bool vdt_ground_shape(const struct vdt_shapes *shapes, uint64_t object, struct vdt_geometry *shape);

#endif
