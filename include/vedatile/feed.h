/* Scenes and label files -> samples of a store, in one call. */
#ifndef VEDATILE_FEED_H
#define VEDATILE_FEED_H

#include "vedatile/error.h"
#include "vedatile/scene.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

/* Where the windows of a scene come from. */
enum vdt_windows {
    VDT_WINDOWS_GRID = 0, /* a grid of `stride` that begins at the scene's corner */
    VDT_WINDOWS_RANDOM,   /* the first window_count different ones of vdt_image_random_window */
    VDT_WINDOWS_CENTERED, /* one around each feature, moved into the scene; equal ones once */
    VDT_WINDOWS_LIST,     /* those of `window_file` */
    VDT_WINDOWS_WHOLE     /* each image is one tile; a new store's tile is that of the first */
};

/* What happens where the grid does not end with the scene. */
enum vdt_edge {
    VDT_EDGE_DROP = 0, /* only windows that lie wholly inside */
    VDT_EDGE_PAD,      /* the last window hangs over: pixels are nodata or 0, mask is ignore */
    VDT_EDGE_SHIFT     /* the last window is moved back to end with the scene */
};

/* Which windows the area of interest keeps. A pixel is in it when its centre is in a polygon. */
enum vdt_aoi_rule {
    VDT_AOI_INSIDE = 0, /* all pixels of the window are in the area */
    VDT_AOI_TOUCH,      /* window and area have at least a point in common */
    VDT_AOI_SHARE       /* at least `aoi_share` of the pixels are in the area */
};

/* Which windows are kept, and which features are their objects (one-hot and boxes).
 * A mask always shows every feature: it is the crop of the whole scene's mask. */
enum vdt_match {
    VDT_MATCH_INTERSECT = 0, /* windows that a feature reaches into; features are cut at the edge */
    VDT_MATCH_INSIDE,        /* windows that hold a whole feature; cut features are no objects */
    VDT_MATCH_ALL            /* every window, with or without features */
};

/* Which feature wins where features overlap in a mask: the one burnt last. */
enum vdt_mask_order {
    VDT_ORDER_FILE = 0, /* order of the label files and their features */
    VDT_ORDER_CLASS,    /* by class id, then file order */
    VDT_ORDER_AREA,     /* large first, so that small ones stay visible */
    VDT_ORDER_FIELD     /* by the number in the field `order_field`, larger on top */
};

/* Which side of an object's edge its boundary is on. */
enum vdt_boundary {
    VDT_BOUNDARY_INNER = 0, /* the object's own pixels */
    VDT_BOUNDARY_OUTER      /* the background's */
};

/* Which pixels a polygon covers in masks of every kind. */
enum vdt_mask_rule {
    VDT_RULE_CENTER = 0, /* those whose centre is inside */
    VDT_RULE_TOUCHED     /* all whose inside it reaches into; sharing a side or a corner is not
                            enough. Exact, and not GDAL's ALL_TOUCHED, which differs from version to
                            version */
};

/* When a pixel is nodata, of the bands that have a nodata value. */
enum vdt_valid_rule {
    VDT_VALID_ALL = 0, /* all chosen bands are nodata */
    VDT_VALID_ANY      /* one of them is */
};

/* How the pixels of a target grid are made from those of an image: GDAL's methods. */
enum vdt_resampling {
    VDT_RESAMPLE_NEAREST = 0,
    VDT_RESAMPLE_BILINEAR,
    VDT_RESAMPLE_CUBIC,
    VDT_RESAMPLE_CUBICSPLINE,
    VDT_RESAMPLE_LANCZOS,
    VDT_RESAMPLE_AVERAGE,
    VDT_RESAMPLE_MODE
};

/* How several images become one scene. */
enum vdt_join {
    VDT_JOIN_NONE = 0, /* each image is a scene */
    VDT_JOIN_MOSAIC,   /* side by side and on top of each other */
    VDT_JOIN_STACK,    /* the bands of all of them, on the grid of the first */
    VDT_JOIN_TIMES,    /* dates of the same ground: bands of the first date, of the second, ... */
    VDT_JOIN_SERIES    /* each image is a scene; samples of the same ground are linked */
};

/* Which image of a mosaic is on top. */
enum vdt_mosaic_order { VDT_MOSAIC_FIRST = 0, VDT_MOSAIC_LAST };

/* Which images become one scene. */
enum vdt_join_by {
    VDT_JOIN_ALL = 0, /* all of the feed */
    VDT_JOIN_FOLDER   /* those of a folder */
};

enum vdt_unknown {
    VDT_UNKNOWN_ERROR = 0, /* a class value that is not in the list is an error that names it */
    VDT_UNKNOWN_SKIP,      /* such features are left out and counted */
    VDT_UNKNOWN_CLASS      /* such features get the class `unknown_class` */
};

/* What label files are. */
enum vdt_label_format {
    VDT_LABELS_AUTO = 0, /* told by their content */
    VDT_LABELS_OGR,      /* features on the ground, or in pixels of scenes without georeference */
    VDT_LABELS_COCO,     /* JSON: polygons, run lengths and boxes of images that it names */
    VDT_LABELS_YOLO,     /* a text file, a folder of them, or data.yaml */
    VDT_LABELS_VOC       /* Pascal VOC: an XML file or a folder of them */
};

/* What the width of points and lines is measured in. */
enum vdt_width_unit {
    VDT_WIDTH_METRES = 0, /* on the ground, whatever the projection */
    VDT_WIDTH_PIXELS      /* of the scene's grid */
};
enum { VDT_WIDTH_MOST = 10000 };

enum vdt_split_by {
    VDT_SPLIT_BLOCK = 0, /* by ground: no ground pixel is in two groups */
    VDT_SPLIT_SCENE,     /* whole scenes */
    VDT_SPLIT_RANDOM,    /* by sample; overlapping windows may share ground */
    VDT_SPLIT_FIELD,     /* by the value of a field of the labels: all windows with objects of one
                            value are in one group */
    VDT_SPLIT_TIME,      /* by the scene's time of acquisition */
    VDT_SPLIT_AREAS      /* by areas on the ground: split_areas; not to be asked for by itself */
};

/* What happens when a scene cannot be opened, or a window of it not be read. */
enum vdt_on_failure {
    VDT_FAILURE_GO = 0, /* it is told and recorded in the store, and the rest goes on */
    VDT_FAILURE_STOP    /* the feed ends with it; what was committed stays */
};

/* A scene, or a window of it, that was left out because it could not be read. Pointers are borrowed
 * for the call. */
struct vdt_feed_failure {
    const char *scene;        /* as it was given */
    bool whole;               /* the scene, or more than 100 windows of it */
    struct vdt_window window; /* unless whole */
    vdt_status status;
    const char *message; /* one line */
};
typedef void (*vdt_failure_fn)(const struct vdt_feed_failure *failure, void *payload);

/* What becomes of a window of the plan; the report counts each. */
enum vdt_fate {
    VDT_FATE_KEPT = 0,   /* written; with dry_run: would be, but for min_valid and max_cloud */
    VDT_FATE_EXISTING,   /* already in the store */
    VDT_FATE_UNLABELLED, /* left out by `match` */
    VDT_FATE_BACKGROUND, /* left out by background_ratio */
    VDT_FATE_OUTSIDE,    /* left out by aoi_rule */
    VDT_FATE_STRADDLING, /* left out at a border of the split */
    VDT_FATE_INVALID,    /* left out by min_valid */
    VDT_FATE_CLOUDED,    /* left out by max_cloud */
    VDT_FATE_FAILED      /* could not be read */
};
/* "kept", "existing", "unlabelled", ... as the report calls them; static storage. */
VDT_API const char *vdt_fate_name(enum vdt_fate fate);

struct vdt_ring_span {
    size_t first; /* into points */
    size_t count;
};

/* A scene of the plan, told before its windows. Everything is borrowed for the call. */
struct vdt_feed_scene {
    size_t number;             /* from 0; a scene that is there twice is told once */
    const char *path;          /* as it was given */
    struct vdt_image *image;   /* see scene.h; open as it is fed: warped, its bands chosen */
    const double (*points)[2]; /* of the labels' outlines, in the scene's pixels */
    const struct vdt_ring_span *rings;
    size_t ring_count;
};
typedef void (*vdt_feed_scene_fn)(const struct vdt_feed_scene *scene, void *payload);

/* A window of the plan and what became of it. Pointers are borrowed for the call. */
struct vdt_feed_window {
    size_t scene;     /* its number */
    const char *path; /* the scene's */
    struct vdt_window window;
    const char *group; /* NULL: left out before it had one, or already in the store */
    enum vdt_fate fate;
    const char *key;
    const char *ground; /* its outline, a geometry of GeoJSON in longitude and latitude; "null" for
                           one that has no place */
};
typedef void (*vdt_feed_window_fn)(const struct vdt_feed_window *window, void *payload);

struct vdt_split_share {
    const char *group;
    double share; /* > 0; shares are scaled to sum 1 */
};

/* A group of a split by time. */
struct vdt_split_period {
    const char *group;
    const char *before; /* ISO 8601 date or time (UTC): the group has the scenes that were acquired
                           before it, from the limit of the group before on; NULL for the last
                           group, which has the rest */
};

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_feed_options {
    const char *store;         /* required: the store to create or add to */
    const char *const *images; /* required: anything GDAL opens */
    size_t image_count;
    const char *const *labels; /* anything OGR opens, or labels of images: COCO, YOLO, Pascal VOC;
                                  none: tiles without labels */
    size_t label_count;
    enum vdt_label_format label_format; /* of all label files. Labels of images are in pixels of the
                                           files of the same names, and are moved with them onto a
                                           target grid */

    /* Rasters as labels, beside label files or in their place: of classes for VDT_SEGMENTATION and
     * VDT_CLASSIFICATION, of numbers for VDT_REGRESSION without target_field. Each has one band and
     * is put on a scene's grid by nearest neighbour. As many as images (as scenes, where images are
     * joined): one for each, in order; else all that meet a scene, later ones on top. Nodata, and
     * what no raster covers, is ignore. Features are burnt on top. */
    const char *const *label_rasters;
    size_t label_raster_count;
    const char *const *label_values; /* "1=water", "10-19=crop": the first that fits decides. The
                                        words "background" and "ignore" are no classes. NULL: as
                                        label_map has it, else category names are the classes, else
                                        each value but 0 is one. A value that is no class is as
                                        `unknown` says: an error, ignore, or the class or word
                                        unknown_class */
    size_t label_value_count;
    const char *label_map; /* a class map's file, whose rules are about pixels' values */

    double width; /* of the labels' points and lines, at most VDT_WIDTH_MOST: they become polygons,
                     buffers of half of it with round joins and caps, 16 segments a quarter circle;
                     0: they are refused, as they have no area */
    enum vdt_width_unit width_unit;
    const char *width_field; /* a numeric field with each feature's own width in metres, instead */

    /* A target grid that all scenes are warped to: its pixel edges are whole multiples of the
     * resolution in the CRS. Where its pixels are as large as two or more of the image's, an
     * overview is read, if there is one. */
    const char *crs;      /* "EPSG:n" or WKT; NULL: each scene's own */
    double resolution[2]; /* width and height of a pixel in units of the CRS; zeros: no such grid */
    enum vdt_resampling resampling;

    /* Several images as one scene. Without a target grid, the images of a mosaic, of times and of a
     * series lie on one grid already: same CRS and pixel size, whole pixels apart; a stack is on
     * the first image's grid, and the others are resampled to it. Bands are counted through, alpha
     * left out. A pixel of a mosaic is that of the first image where it is valid; pixels that no
     * image has are nodata (the first that an image declares for the band, else 0) and invalid.
     * Times are ordered by acquisition, or as given where one of them is unknown; `bands` are those
     * of a date. */
    enum vdt_join join;
    enum vdt_join_by join_by;
    enum vdt_mosaic_order mosaic_order;
    const char *const *extras; /* images whose bands are put behind those of every scene (of every
                                  date), resampled to its grid, and have no say in what is valid;
                                  `bands` does not count them */
    size_t extra_count;

    uint32_t tasks;     /* enum vdt_task bits; 0: the store's, or none for a new store */
    uint32_t tile_cols; /* 0: the store's, or 256 */
    uint32_t tile_rows;
    uint32_t stride_cols; /* 0: the tile's size */
    uint32_t stride_rows;
    enum vdt_edge edge;
    enum vdt_windows windows;
    uint64_t window_count; /* of each scene, for VDT_WINDOWS_RANDOM; fewer, with a warning, where
                              there is no room for more */
    bool apart; /* random windows of a scene do not overlap: the first that overlap none before */
    uint32_t jitter; /* centered: windows are moved by up to so many pixels along each axis, as
                        (seed, scene, feature id) has it; below half a tile */
    double background_ratio; /* 0: no limit. Else windows without an object stay whatever `match`
                                is, but only this many with each window that has one, in each scene
                                and group, by (seed, key); centered: random windows without an
                                object are added. */

    const char *window_file; /* CSV with columns col, row and maybe scene, cols, rows, group; JSON
                                objects of these; or GeoJSON with such properties or with windows'
                                outlines as polygons. Rows that are no windows are refused. */

    const char *const *aoi; /* polygons that OGR opens, in any CRS; NULL: all ground */
    size_t aoi_count;
    enum vdt_aoi_rule aoi_rule;
    double aoi_share; /* 0..1, of VDT_AOI_SHARE */
    bool aoi_mask;    /* pixels outside of the area are nodata or 0, invalid, ignore in masks; what
                         has no pixel in it is no object */

    /* Numbers from 1, descriptions, colours, STAC common names, or numbers of Sentinel-2 and
     * Landsat, in the order wanted; NULL: all but alpha. A name that fits no band, or two, is
     * refused with a list of what there is. */
    const char *const *bands;
    size_t band_count;

    /* What becomes of the bands' values. Another type: rounded half to even, within its range; a
     * value that is no number is nodata (else 0) in integers, and invalid. A band's nodata value
     * stays where the type has it and the band is not scaled; else it is NaN in floating point and
     * 0 in integers. */
    enum vdt_dtype dtype; /* of tiles; 0: the scene's pixels', or float32 with unscale */
    bool unscale;         /* value * scale + offset, as GDAL has them of each band */
    const double *nodata; /* in place of the declared values: one for all bands, or one for each;
                             NULL: as declared */
    size_t nodata_count;
    bool no_nodata; /* declared values are data; not with `nodata` */
    enum vdt_valid_rule valid_rule;

    /* Which pixels are cloud: a band of the scene (which need not be among `bands`), or a file of
     * one band for each image (for each scene, where images are joined), put on the scene's grid by
     * nearest neighbour. A pixel is cloud when one of the bits of `cloud_bits` is set in its value,
     * or its value is one of `cloud_values`; never where the value is nodata. The share of cloud
     * among a tile's valid pixels (0 without any) becomes "cloud_fraction" of its metadata. */
    const char *cloud_band;         /* as in `bands` */
    const char *const *cloud_files; /* not with cloud_band */
    size_t cloud_file_count;
    uint32_t cloud_bits;     /* bit i: 1 << i */
    const int *cloud_values; /* not with cloud_bits */
    size_t cloud_value_count;
    const double *max_cloud; /* 0..1: tiles with a larger share are left out; NULL: no limit */
    bool cloud_mask; /* cloud is nodata or 0, invalid, ignore in masks; what lies only there is no
                        object */

    const char *class_field;    /* NULL: all features are of one class */
    const char *class_map;      /* file of rules that make classes of fields' values (see
                                   schemas/class-map.schema.json): the first that fits a feature
                                   decides, class_field is what rules mean that name no field; NULL:
                                   the field's values are the classes */
    const char *const *classes; /* NULL: the store's, the map's, or the field's values, sorted */
    size_t class_count;
    enum vdt_unknown unknown;
    const char *unknown_class;
    enum vdt_match match;
    enum vdt_mask_rule mask_rule;
    enum vdt_mask_order mask_order;
    const char *order_field;  /* a numeric field, for VDT_ORDER_FIELD */
    const char *target_field; /* VDT_REGRESSION needs it: the numeric field to burn */
    enum vdt_boundary boundary;
    uint32_t boundary_width;   /* pixels, at most 1024; 0: 3 */
    double contact_spacing;    /* pixels, at most 1024: objects are in contact where the rings of
                                  half that width around them overlap; 0: 10 */
    double distance_limit;     /* pixels, at most 1024: distances are cut there; 0: 32 */
    const char *const *ignore; /* label files: masks are ignore on their areas (NaN in distances and
                                  targets); they are no objects */
    size_t ignore_count;
    double min_visible; /* 0..1: boxes that show less of their object are dropped */
    double min_valid;   /* 0..1: tiles with a smaller valid fraction are dropped */

    const char *group; /* NULL: "train"; not together with split */
    const struct vdt_split_share *split;
    size_t split_count;
    enum vdt_split_by split_by;
    const char *split_field; /* of VDT_SPLIT_FIELD: a field of the labels. A window whose objects
                                have values of two groups, or that has none, is left out */
    const struct vdt_split_period *split_periods; /* of VDT_SPLIT_TIME in place of `split`, whose
                                                     shares of the scenes, in the order of time,
                                                     make such limits otherwise */
    size_t split_period_count;
    const char *const *split_areas; /* files of polygons in any projection, one a group, which has
                                       the file's name without extension: a window goes to the group
                                       in whose area all its pixels' centres are, others are left
                                       out. In place of `split`, and with split_by as 0 */
    size_t split_area_count;
    double block_size; /* metres, rounded to whole strides; 0: the store's, or chosen from the first
                          scene */
    double split_gap;  /* metres that groups of a split by block are apart at least: half of it is
                          left out on each side of a border; 0: the store's, or none */
    uint64_t seed;     /* of the split and of random windows; below 2^63 */

    enum vdt_codec codec;  /* VDT_CODEC_AUTO measures; an existing store keeps its own */
    const char *name;      /* of a new store */
    uint32_t threads;      /* 0: one per core */
    double commit_seconds; /* 0: 10; how much work a crash may cost */
    bool dry_run;          /* plan and match labels, write nothing */
    enum vdt_on_failure on_failure;
    bool retry_failed;       /* only scenes and windows that are recorded as failed */
    vdt_failure_fn failure;  /* told of each from the thread that called; may be NULL */
    vdt_feed_scene_fn scene; /* told of the plan, as far as the feed comes, from the thread that */
    vdt_feed_window_fn window; /* called: every window once, those that the plan leaves out first;
                                  may be NULL */
    vdt_progress_fn progress;  /* done and total in windows */
    void *payload;
};

struct vdt_feed_group {
    char name[64];
    uint64_t written; /* with dry_run: would be written, before min_valid */
};

struct vdt_feed_report {
    uint64_t windows; /* in the plan */
    uint64_t written;
    uint64_t existing;        /* already in the store */
    uint64_t unlabelled;      /* left out by `match` */
    uint64_t background;      /* left out: more without an object than background_ratio */
    uint64_t outside;         /* left out by aoi_rule */
    uint64_t straddling;      /* left out: they reach into blocks of two groups, or are too near, or
                                 their objects are of two groups or none */
    uint64_t invalid;         /* left out by min_valid */
    uint64_t clouded;         /* left out by max_cloud */
    uint64_t boxes;           /* written */
    uint64_t features;        /* usable features in the label files */
    uint64_t null_geometries; /* skipped */
    uint64_t repaired;        /* invalid geometries made valid */
    uint64_t unknown_skipped; /* features skipped by class */
    uint64_t crowds;          /* COCO's objects of many: masks are ignore there */
    uint64_t left_out;        /* features that the class map leaves out */
    uint64_t slivers;         /* boxes dropped by min_visible */
    uint64_t overviews;       /* scenes that are read from an overview, for a coarser grid */
    uint64_t failed_scenes;   /* that could not be opened, or had more than 100 bad windows */
    uint64_t failed_windows;  /* left out: they could not be read; those of scenes that could not be
                                 opened are not known */
    uint64_t requests; /* over the network, for remote inputs of whatever kind; counted by GDAL for
                          the whole process */
    uint64_t request_bytes;     /* that came */
    enum vdt_split_by split_by; /* the rule that made `straddling`, this feed's or the store's */
    double block_size;          /* metres as used, when split by block; else 0 */
    size_t group_count;         /* at most 64 are listed */
    struct vdt_feed_group groups[64];
    char warning[512]; /* empty, or one line that the user should see */
};

/* Runs the whole pipeline. The store appears or grows only by whole commits; samples whose key is
 * there already are not written again. Worker threads are started and joined inside the call.
 * `report` may be NULL; on failure it says how far the feed came (what is committed stays).
 * Failed scenes and windows are no failure of the call unless `on_failure` says so or nothing is
 * left; a later feed of the same options tries them again, as does one with retry_failed.
 * GDAL's raster block cache limit is lowered for the time of the call and then restored, so that
 * memory stays flat. Calls from two threads must name different stores. */
VDT_API VDT_CHECKED vdt_status vdt_feed(const struct vdt_feed_options *options,
                                        struct vdt_feed_report *report, struct vdt_error *error);

VDT_END_DECLS
#endif
